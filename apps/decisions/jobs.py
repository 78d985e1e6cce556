from procrastinate.contrib.django import app

from apps.decisions import services


@app.task(name="decisions.tell_people", queue="messages")
def tell_people(*, decision_id: int) -> None:
    services.tell(decision_id)

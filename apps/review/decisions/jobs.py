from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from apps.review.decisions import services


# As long as a mail is tried: the waits add up to some two and a half hours.
@app.task(name="decisions.tell_people", queue="messages", retry=RetryStrategy(max_attempts=8, exponential_wait=3))
def tell_people(*, decision_id: int) -> None:
    services.tell(decision_id)

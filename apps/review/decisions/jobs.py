from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from apps.review.decisions import services


# As long as a mail is tried: the waits add up to some two and a half hours.
@app.task(name="decisions.tell_people", queue="messages", retry=RetryStrategy(max_attempts=8, exponential_wait=3))
def send_messages(*, decision_id: int) -> None:
    services.send_messages(decision_id)

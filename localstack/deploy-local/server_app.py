"""MiniStack, with one of its gaps closed: the right to send, delete or put back a message is, on AWS, also the right to do so
in a batch, and there is no other: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api.html
"""

from ministack.core import iam_actions

_action_of = iam_actions.extract_iam_action


def _extract_iam_action(service, *request):
    action = _action_of(service, *request)
    return action.removesuffix("Batch") if service == "sqs" and action is not None else action


# The server looks it up at each request.
iam_actions.extract_iam_action = _extract_iam_action

from ministack.app import app  # noqa: E402  (what hypercorn serves)

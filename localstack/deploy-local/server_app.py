"""MiniStack, with two gaps of its IAM closed, as AWS has it.

The right to send, delete or put back a message is also the right to do so in a batch, and there is no other:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api.html

Who reads all parameters below a path needs the right to that path, and not to all there are:
https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-access.html
"""

import json

from ministack.core import iam_actions

_action_of = iam_actions.extract_iam_action
_resource_of = iam_actions.extract_resource_arn


def _extract_iam_action(service, *request):
    action = _action_of(service, *request)
    return action.removesuffix("Batch") if service == "sqs" and action is not None else action


def _extract_resource_arn(service, method, path, headers, body, query_params, region, account_id):
    if service == "ssm" and headers.get("x-amz-target", "").endswith(".GetParametersByPath"):
        below = json.loads(body)["Path"]
        return f"arn:aws:ssm:{region}:{account_id}:parameter{below}"
    return _resource_of(service, method, path, headers, body, query_params, region, account_id)


# The server looks them up at each request.
iam_actions.extract_iam_action = _extract_iam_action
iam_actions.extract_resource_arn = _extract_resource_arn

from ministack.app import app  # noqa: E402  (what hypercorn serves)

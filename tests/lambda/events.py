"""The six forms of event, written from one HTTP request as API Gateway, a load balancer and a function URL write them."""

import json
from pathlib import Path
from urllib.parse import parse_qsl, unquote

SAMPLES = Path(__file__).parent.parent / "it/lambda/events"

# The sample of each form, and whether its service decodes the path, and keeps repeated headers apart.
FORMS = {
    "HTTP API 2.0": ("http-create-identity", True, False),
    "HTTP API 1.0": ("rest-create-identity", True, True),
    "REST API": ("rest-create-identity", True, True),
    "load balancer": ("alb-create-identity", False, False),
    "load balancer, multi-value": ("alb-multi-value-create-identity", False, True),
    "function URL": ("url-create-identity", False, False),
}
HOST = ("Host", "tokens.example")


def event(form, method, target, headers=(), body=None):
    """Writes a request as an event of this form."""
    sample, decodes, is_multi_value = FORMS[form]
    written = json.loads((SAMPLES / f"{sample}.json").read_text())
    path, _, query = target.partition("?")
    path = unquote(path) if decodes else path
    context = written["requestContext"]
    if "http" in context:
        context["http"] |= {"method": method, "path": path}
        written |= {"rawPath": path, "rawQueryString": query}
    else:
        written |= {"httpMethod": method, "path": path}
        pairs = parse_qsl(query, keep_blank_values=True) if decodes else split(query)
        written["queryStringParameters"] = dict(pairs)
        written["multiValueQueryStringParameters"] = grouped(pairs)
    if form == "HTTP API 1.0":
        written["version"] = "1.0"
    groups = grouped([HOST, *headers])
    if "http" in context:
        written["headers"] = {name.lower(): ",".join(values) for name, values in groups.items()}
    else:
        written["headers"] = {name: values[-1] for name, values in groups.items()}
    written["multiValueHeaders"] = groups
    if not is_multi_value:
        del written["multiValueHeaders"]
    elif form.startswith("load balancer"):
        del written["headers"]
    return written | {"body": body, "isBase64Encoded": False}


def split(query):
    """Splits a query into pairs without decoding them."""
    return [tuple(pair.partition("=")[::2]) for pair in query.split("&") if pair]


def grouped(pairs):
    """Returns the values of each name."""
    groups = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups

"""Rules for the HTTP API, for which cfn-lint 1.58 accepts any text: cfn-lint --append-rules tests/aws/rules.py

The reasons are in docs/aws.md.
"""

from cfnlint.rules import CloudFormationLintRule, RuleMatch


SOURCE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApiGatewayV2.html"


def resources(cfn, kind):
    """Returns the resources of API Gateway of a kind, by name."""
    return cfn.get_resources(f"AWS::ApiGatewayV2::{kind}")


def expect(cfn, kind, properties):
    """Yields a match for each property that has another value. `None` stands for absence."""
    for name, resource in resources(cfn, kind).items():
        for key, expected in properties.items():
            found = resource["Properties"].get(key)
            if found != expected:
                path = ["Resources", name, "Properties", *([key] if found is not None else [])]
                yield RuleMatch(path, f"{key} must be {expected or 'absent'}, but is {found}")


class Authorizers(CloudFormationLintRule):
    source_url = SOURCE
    id = "E9001"
    shortdesc = "The program alone authenticates callers"
    description = "An authorizer would answer preflights with 401, and would refuse callers that have a key."

    def match(self, cfn):
        for name in resources(cfn, "Authorizer"):
            yield RuleMatch(["Resources", name], "an authorizer must not be declared")
        yield from expect(cfn, "Route", {"AuthorizationType": None, "AuthorizerId": None, "AuthorizationScopes": None})


class Routes(CloudFormationLintRule):
    source_url = SOURCE
    id = "E9002"
    shortdesc = "One route and one stage pass everything on"
    description = "Route keys are case-sensitive, the program is not. Other stages add their name to the path."

    def match(self, cfn):
        for kind in ("Api", "Integration", "Route", "Stage"):
            found = resources(cfn, kind)
            if len(found) != 1:
                yield RuleMatch(["Resources"], f"expected one {kind}, found {len(found)}")
        yield from expect(cfn, "Route", {"RouteKey": "$default"})
        yield from expect(cfn, "Stage", {"StageName": "$default", "AutoDeploy": True})
        yield from expect(cfn, "Api", {"ProtocolType": "HTTP", "CorsConfiguration": None, "DisableExecuteApiEndpoint": None})


class Payload(CloudFormationLintRule):
    source_url = SOURCE
    id = "E9003"
    shortdesc = "Events have payload version 2.0"
    description = "API Gateway accepts any text in a template and fails when the stack is deployed."

    def match(self, cfn):
        expected = {"IntegrationType": "AWS_PROXY", "PayloadFormatVersion": "2.0", "ConnectionType": None}
        yield from expect(cfn, "Integration", expected)
        functions = cfn.get_resources("AWS::Lambda::Function").values()
        limit = max(function["Properties"]["Timeout"] for function in functions) * 1000
        for name, integration in resources(cfn, "Integration").items():
            timeout = integration["Properties"].get("TimeoutInMillis", 30000)
            if not limit < timeout <= 30000:
                yield RuleMatch(["Resources", name], f"TimeoutInMillis must be over {limit} and at most 30000, but is {timeout}")

"""Checks infra/aws/template.yaml with cfn-lint and our rules, and that each planted fault is found.

python3 check.py
"""

import sys
import tempfile
from pathlib import Path

from cfnlint.api import lint_file
from cfnlint.config import ManualArgs

HERE = Path(__file__).resolve().parent
TEMPLATE = HERE.parent.parent / "infra" / "aws" / "template.yaml"
REGIONS = ["us-east-1", "eu-central-1", "ap-southeast-2"]

AUTHORIZER = """\
  Authorizer:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !Ref Api
      AuthorizerType: JVT
      Name: users

  Route:
"""

# The text to replace, its replacement, and the rule that finds it. The first ones are cfn-lint's own.
FAULTS = [
    ("provided.al2023", "provided.al9999", "E3030"),
    ("[arm64]", "[arm65]", "E3030"),
    ("MemorySize: 128", "MemorySize: 64", "E3034"),
    ("!GetAtt Role.Arn", "!GetAtt Rolle.Arn", "E1010"),
    ("AutoDeploy", "AutoDeploi", "E3002"),
    ("ThrottlingRateLimit", "ThrottleRate", "E3002"),
    ("LogFormat: JSON", "LogFormat: YAML", "E3030"),
    ("s3:GetObject", "s3:GetObjekt", "W3037"),
    ("DeletionPolicy: RetainExceptOnCreate", "DeletionPolicy: Keep", "E3035"),
    ("  Route:\n", AUTHORIZER, "E9001"),
    ("RouteKey: $default", "RouteKey: $default\n      AuthorizationType: JVT", "E9001"),
    ("RouteKey: $default", "RouteKey: $defualt", "E9002"),
    ("RouteKey: $default", "RouteKey: ANY /api/{proxy+}", "E9002"),
    ("StageName: $default", "StageName: prod", "E9002"),
    ("ProtocolType: HTTP", "ProtocolType: HTTP\n      CorsConfiguration: { AllowOrigins: ['*'] }", "E9002"),
    ('PayloadFormatVersion: "2.0"', 'PayloadFormatVersion: "1.0"', "E9003"),
    ("      PayloadFormatVersion: \"2.0\"\n", "", "E9003"),
    ("TimeoutInMillis: 29000", "TimeoutInMillis: 20000", "E9003"),
    ("Timeout: 28\n", "Timeout: 29\n", "E9003"),
]


def found(path):
    """Returns the ids of the rules that a template breaks, with their messages."""
    config = ManualArgs(regions=REGIONS, append_rules=["rules"])
    return [(match.rule.id, f"{match.linenumber}: {match.rule.id} {match.message}") for match in lint_file(path, config=config)]


def main():
    if matches := found(TEMPLATE):
        sys.exit("\n".join(f"{TEMPLATE}:{message}" for _, message in matches))
    text = TEMPLATE.read_text()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "template.yaml"
        for old, new, rule in FAULTS:
            if old not in text:
                sys.exit(f"{old} is not in the template")
            copy.write_text(text.replace(old, new, 1))
            ids = {one for one, _ in found(copy)}
            if rule not in ids:
                sys.exit(f"{old} -> {new}: expected {rule}, found {sorted(ids)}")
    print(f"infra/aws/template.yaml has no fault, and {len(FAULTS)} planted ones are found")


main()

"""Writes types.json, the types of the resources in infra/, from a clone of https://github.com/Azure/bicep-types-az:

    python3 tests/infra/types.py <clone>

A type is a text: `string`, `int`, `bool`, `any`, literals as JSON, alternatives with `|`, `[]` before the type of the items, `#n` for
the object n. An object has the types of its properties; `!` is required and `-` read-only; `*` is any other property. The text `?` stands
for an object that is too deep to be listed.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

REQUIRED, READ_ONLY = 1, 2
DEPTH = 9
# Types that refer to most of Microsoft.Network.
SHALLOW = {"Microsoft.Network/virtualNetworks": 6, "Microsoft.Network/privateEndpoints": 4}
FOLDER = Path(__file__).parent


def git(clone, *args):
    return subprocess.run(["git", "-C", clone, *args], check=True, capture_output=True, text=True).stdout


class Writer:
    """Collects the objects that a resource type needs."""

    def __init__(self, types, objects):
        self.types, self.objects = types, objects
        self.seen = {}

    def resolve(self, reference):
        return self.types[int(reference["$ref"].rsplit("/", 1)[1])]

    def text(self, reference, depth):
        kind = self.resolve(reference)
        match kind["$type"]:
            case "StringType":
                return "string"
            case "IntegerType":
                return "int"
            case "BooleanType":
                return "bool"
            case "StringLiteralType":
                return json.dumps(kind["value"])
            case "ArrayType":
                return "[]" + self.text(kind["itemType"], depth)
            case "UnionType":
                return "|".join(dict.fromkeys(self.text(element, depth) for element in kind["elements"]))
            case "ObjectType" | "DiscriminatedObjectType":
                return self.object(reference, kind, depth)
        return "any"

    def object(self, reference, kind, depth):
        if depth == 0:
            return "?"
        key = (reference["$ref"], depth)
        if key not in self.seen:
            self.seen[key] = None  # an object may refer to itself
            properties = {
                name: self.property(value, depth - 1)
                for name, value in (kind.get("properties") or kind.get("baseProperties") or {}).items()
            }
            if extra := kind.get("additionalProperties"):
                properties["*"] = self.text(extra, depth - 1)
            if elements := kind.get("elements"):
                name = kind["discriminator"]
                cases = {value: self.text(element, depth) for value, element in elements.items()}
                properties = {"@": name, **properties, **{f"={value}": case for value, case in cases.items()}}
            if properties not in self.objects:
                self.objects.append(properties)
            self.seen[key] = self.objects.index(properties)
        number = self.seen[key]
        return "?" if number is None else f"#{number}"

    def property(self, value, depth):
        flags = value["flags"]
        if flags & READ_ONLY:
            return "-"
        return ("!" if flags & REQUIRED else "") + self.text(value["type"], depth)


def main():
    clone = sys.argv[1]
    wanted = json.loads((FOLDER / "versions.json").read_text())
    files = git(clone, "ls-tree", "-r", "--name-only", "HEAD", "generated").split("\n")
    objects, resources = [], {}
    for name, version in wanted.items():
        pattern = re.compile(rf"generated/[^/]+/{re.escape(name.split('/')[0].lower())}/{version}/types\.json")
        for path in filter(pattern.fullmatch, files):
            types = json.loads(git(clone, "show", f"HEAD:{path}"))
            for kind in types:
                if kind["$type"] == "ResourceType" and kind["name"].lower() == f"{name}@{version}".lower():
                    resources[f"{name}@{version}"] = Writer(types, objects).text(kind["body"], SHALLOW.get(name, DEPTH))
    if missing := {f"{name}@{version}" for name, version in wanted.items()} - resources.keys():
        sys.exit(f"not in this clone: {', '.join(sorted(missing))}")
    document = {
        "source": "https://github.com/Azure/bicep-types-az, commit " + git(clone, "rev-parse", "HEAD").strip(),
        "resources": resources,
        "objects": objects,
    }
    text = json.dumps(document, separators=(",", ":")).replace('},{', '},\n{').replace('"objects":[', '"objects":[\n')
    (FOLDER / "types.json").write_text(text + "\n")


main()

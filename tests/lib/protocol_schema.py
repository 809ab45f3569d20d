# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""docs/schema against messages.

The schemas leave room for keys that a later version may add.  What this
project sends must have none that they do not describe, so messages of its own
are held against a closed form of them, made here."""

import collections
import copy
import json
import os

import jsonschema

DIRECTORY = os.path.join(os.path.dirname(os.path.realpath(__file__)),
                         "..", "..", "docs", "schema")
BASE = "schema:///"

# Whose arguments a request carries, and the result of the one call.
METHODS = ("sync", "report", "ports_updated", "ports_deleted", "resync",
           "duplicate_host", "rules_updated", "members_changed",
           "group_deleted", "beacon")
ANSWER = "answer"

# To whom a message of ours is addressed, for those who count them.
Found = collections.namedtuple("Found", "kind errors")

# Unlike the library we take no 5.0 for an integer.
_TYPES = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
    "integer", lambda checker, value: isinstance(value, int)
    and not isinstance(value, bool))
_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator, type_checker=_TYPES)


def _walk(node, change):
    """Calls change() for each object of a schema, the innermost first."""
    if isinstance(node, dict):
        for value in node.values():
            _walk(value, change)
        change(node)
    elif isinstance(node, list):
        for value in node:
            _walk(value, change)


def _close(node):
    if node.get("type") and "object" in node["type"] and "properties" in node:
        node.setdefault("additionalProperties", False)


class Schemas:
    """All of docs/schema.  With `closed', a key that they do not describe is
    an error."""

    def __init__(self, closed=False):
        self.closed = closed
        self.files = {}                 # name without ".json" -> schema
        for name in sorted(os.listdir(DIRECTORY)):
            with open(os.path.join(DIRECTORY, name)) as f:
                self.files[name[:-len(".json")]] = json.load(f)
        for name, schema in self.files.items():
            jsonschema.Draft202012Validator.check_schema(schema)

            def absolute(node, name=name):
                ref = node.get("$ref")
                if ref:
                    file, _, inside = ref.partition("#")
                    node["$ref"] = "%s%s#%s" % (
                        BASE, file or name + ".json", inside)
            _walk(schema, absolute)
            if closed:
                _walk(schema, _close)
        self.resolver = jsonschema.RefResolver(BASE, {}, store={
            BASE + name + ".json": schema
            for name, schema in self.files.items()})

    def schema(self, ref):
        """What "FILE" or "FILE#/$defs/NAME" stands for."""
        name, _, inside = ref.partition("#")
        return self.resolver.resolve(
            "%s%s.json#%s" % (BASE, name, inside))[1]

    def errors(self, ref, value, validator=_Validator):
        """What is wrong with `value', a list of sentences."""
        schema = self.schema(ref) if isinstance(ref, str) else ref
        found = validator(schema, resolver=self.resolver).iter_errors(value)
        return ["%s: %s" % ("/".join(map(str, e.absolute_path)) or ".",
                            e.message[:300]) for e in found]

    def check(self, body, replies_to=None):
        """Judges a body as it is on the wire.  `replies_to' is the method of
        the call with the `_msg_id' it is given, or None.  Returns the kind, a
        method or "answer", "null", "failure", and what is wrong."""
        try:
            envelope = strict_json(body)
            errors = self.errors("envelope", envelope)
            message = strict_json(envelope["oslo.message"])
        except (KeyError, TypeError, ValueError) as e:
            return Found(None, ["no message: %r" % e])
        if "method" in message:
            kind = message["method"]
            errors += self.errors("request", message)
            if kind in METHODS:
                errors += self.errors(kind, message.get("args"))
            return Found(kind, errors)

        errors += self.errors("reply", message)
        if message.get("failure") is not None:
            try:
                errors += self.errors("failure",
                                      strict_json(message["failure"]))
            except (TypeError, ValueError) as e:
                errors.append("failure: %r" % e)
            return Found("failure", errors)
        method = replies_to(message.get("_msg_id")) if replies_to else None
        if method == "sync" or method is None and message.get("result"):
            errors += self.errors(ANSWER, message.get("result"))
            return Found(ANSWER, errors)
        return Found("null", errors)


def strict_json(text):
    """Refuses a key that occurs twice, and numbers that are none."""
    def pairs(items):
        made = dict(items)
        if len(made) != len(items):
            raise ValueError("a key occurs twice")
        return made

    def constant(word):
        raise ValueError("%s is no number" % word)
    return json.loads(text, object_pairs_hook=pairs,
                      parse_constant=constant)


def keys_of(value, where=""):
    """The places of all keys in a message: "objects[].port.id"."""
    found = set()
    if isinstance(value, dict):
        for key, inner in value.items():
            path = "%s.%s" % (where, key) if where else key
            if inner is not None:
                found.add(path)
            found |= keys_of(inner, path)
    elif isinstance(value, list):
        for inner in value:
            found |= keys_of(inner, where + "[]")
    return found


def keys_described(schemas, ref):
    """The same of a schema: every key that may be there and not null."""
    def walk(schema, where):
        if "$ref" in schema:
            schema = schemas.resolver.resolve(schema["$ref"])[1]
        found = set()
        for word in ("anyOf", "oneOf", "allOf"):
            for inner in schema.get(word, ()):
                found |= walk(inner, where)
        for key, inner in schema.get("properties", {}).items():
            if inner.get("type") != "null":
                path = "%s.%s" % (where, key) if where else key
                found |= {path} | walk(inner, path)
        if isinstance(schema.get("items"), dict):
            found |= walk(schema["items"], where + "[]")
        return found
    return walk(schemas.schema(ref), "")


class Samples:
    """Keeps, for each object that a schema describes, one that it took."""

    def __init__(self, schemas):
        self.schemas = schemas
        self.found = {}                 # text of the schema -> (schema, value)
        samples = self

        def required(validator, keys, value, schema):
            if isinstance(value, dict) and set(keys) <= set(value) \
                    and schema.get("type") == "object":
                samples.found.setdefault(json.dumps(schema),
                                         (schema, copy.deepcopy(value)))
            return jsonschema.Draft202012Validator.VALIDATORS["required"](
                validator, keys, value, schema)
        self.validator = jsonschema.validators.extend(
            _Validator, {"required": required})

    def add(self, ref, value):
        self.schemas.errors(ref, value, self.validator)

    def wanted(self):
        """How many there are to be found."""
        texts = set()

        def note(node):
            if node.get("type") == "object" and "required" in node:
                texts.add(json.dumps(node))
        for schema in self.schemas.files.values():
            _walk(schema, note)
        return texts

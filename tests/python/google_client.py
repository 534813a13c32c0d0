"""Drives the simulated Google with Google's own Python client: what it accepts, the simulator must serve.

Usage: google_client.py BASE_URL. Needs google-api-python-client. Prints a line for each step; exits 1 at the first failure.
"""

import json
import sys
import urllib.error
import urllib.request

from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

BASE = sys.argv[1].rstrip("/")
# A proxy of the environment must not come between.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
FIELDS = "names,emailAddresses,phoneNumbers,memberships,clientData,metadata"


def control(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{BASE}/control/{path}", data=data, method=method)
    with DIRECT.open(request) as answer:
        return json.load(answer)


def refused(call, status, reason):
    """The call must fail with this HTTP status; `reason` is a part of its message. Returns the error's body."""
    try:
        call.execute()
    except HttpError as error:
        assert error.status_code == status, (error.status_code, error.reason)
        assert reason in error.reason, error.reason
        return json.loads(error.content)["error"]
    raise AssertionError(f"expected {status} {reason}")


def detail(error, kind):
    return next(d for d in error["details"] if d["@type"].endswith(kind))


def person(given, **more):
    return {"names": [{"givenName": given, "familyName": "Tremblay"}], **more}


class Story:
    def __init__(self):
        account = control("POST", "accounts", {})
        self.subject = account["subject"]
        self.renew(account["access_token"])

    def create(self):
        sent = person("Zoé", phoneNumbers=[{"value": "(514) 555-0100", "type": "mobile"}])
        one = self.people.createContact(body=sent, personFields=FIELDS).execute()
        two = self.people.createContact(body=sent, personFields=FIELDS).execute()
        assert one["resourceName"] != two["resourceName"], "two equal creates are two contacts"
        assert one["names"][0]["displayName"] == "Zoé Tremblay"
        assert one["phoneNumbers"][0]["canonicalForm"] == "+15145550100"
        source = one["metadata"]["sources"][0]
        assert one["resourceName"] == f"people/c{int(source['id'], 16)}"
        assert one["etag"].startswith("%") and source["etag"].startswith("#")
        groups = [m["contactGroupMembership"]["contactGroupResourceName"] for m in one["memberships"]]
        assert groups == ["contactGroups/myContacts"]
        self.one, self.two = one, two

    def create_refuses(self):
        refused(self.people.createContact(body={}), 400, "at least one field")
        refused(self.people.createContact(body={"firstName": "x"}), 400, 'Unknown name "firstName"')
        refused(self.people.createContact(body={"names": {"givenName": "x"}}), 400, "Invalid value")
        twice = {"names": [{"givenName": "a"}, {"givenName": "b"}]}
        refused(self.people.createContact(body=twice), 400, "Cannot have more than one person.names per source.")
        refused(self.people.createContact(body=person("x"), personFields="displayName"), 400, "Invalid personFields mask")

    def get(self):
        name = self.one["resourceName"]
        shown = self.people.get(resourceName=name, personFields="names").execute()
        assert "phoneNumbers" not in shown and shown["etag"] != self.one["etag"], "etags depend on the mask"
        refused(self.people.get(resourceName=name), 400, "personFields mask is required")
        refused(self.people.get(resourceName="people/c1", personFields="names"), 404, "not found")
        both = self.people.getBatchGet(resourceNames=[name, "people/c1"], personFields="names").execute()["responses"]
        assert both[0]["person"]["resourceName"] == name and both[1]["status"]["code"] == 5

    def update(self):
        name = self.one["resourceName"]
        body = {"etag": self.one["etag"], "emailAddresses": [{"value": "zoe@example.com"}]}
        changed = self.people.updateContact(
            resourceName=name, body=body, updatePersonFields="emailAddresses,phoneNumbers", personFields=FIELDS
        ).execute()
        assert changed["names"] and "phoneNumbers" not in changed, "masked and absent is cleared, unmasked stays"
        refused(
            self.people.updateContact(resourceName=name, body=body, updatePersonFields="emailAddresses"),
            400,
            "Request person.etag is different than the current person.etag.",
        )
        body = {"metadata": self.one["metadata"], "names": self.one["names"]}
        error = refused(
            self.people.updateContact(resourceName=name, body=body, updatePersonFields="names"),
            400,
            "Request person.metadata.sources.etag is different",
        )
        assert error["status"] == "FAILED_PRECONDITION"
        refused(
            self.people.updateContact(resourceName=name, body=person("x"), updatePersonFields="names"),
            400,
            "Request must set person.etag",
        )
        body = {"etag": changed["etag"]}
        refused(
            self.people.updateContact(resourceName=name, body=body, updatePersonFields="memberships"),
            400,
            "at least one contact group",
        )
        self.one = changed

    def batch(self):
        contacts = [{"contactPerson": person(f"n{i}", clientData=[{"key": "k", "value": str(i)}])} for i in range(200)]
        body = {"contacts": contacts, "readMask": FIELDS}
        created = self.people.batchCreateContacts(body=body).execute()["createdPeople"]
        marks = [c["person"]["clientData"][0]["value"] for c in created]
        assert sorted(marks, key=int) == [str(i) for i in range(200)] and marks != sorted(marks, key=int)
        refused(self.people.batchCreateContacts(body={**body, "contacts": contacts * 2}), 400, "between 1 and 200")
        refused(self.people.batchUpdateContacts(body={"contacts": [], "updateMask": "names"}), 400, "list to map")
        good, stale = created[0]["person"], created[1]["person"]
        update = {"etag": good["etag"], "names": [{"givenName": "changed"}]}
        broken = {good["resourceName"]: update, stale["resourceName"]: {**update, "etag": self.one["etag"]}}
        body = {"contacts": broken, "updateMask": "names", "readMask": "names"}
        error = refused(self.people.batchUpdateContacts(body=body), 400, "different than the current")
        errors = detail(error, "BatchUpdateContactsErrorDetails")["contactErrors"]
        assert list(errors) == [stale["resourceName"]] and errors[stale["resourceName"]]["code"] == 9
        del broken[stale["resourceName"]]
        result = self.people.batchUpdateContacts(body=body).execute()["updateResult"]
        assert result[good["resourceName"]]["person"]["names"][0]["givenName"] == "changed"
        names = [c["person"]["resourceName"] for c in created]
        refused(self.people.batchDeleteContacts(body={"resourceNames": names + ["people/c1"]}), 404, "not found")
        self.people.batchDeleteContacts(body={"resourceNames": names[:150]}).execute()
        self.left = names[150:]

    def list(self):
        # Two batches of creates and more have been charged to this minute.
        control("POST", "clock/advance", {"seconds": 60})
        asked = {"resourceName": "people/me", "personFields": FIELDS, "pageSize": 20, "requestSyncToken": True}
        connections, request, seen = self.people.connections(), None, []
        request = connections.list(**asked)
        while request is not None:
            page = request.execute()
            assert ("nextSyncToken" in page) == ("nextPageToken" not in page)
            seen += [p["resourceName"] for p in page["connections"]]
            request = connections.list_next(request, page)
        assert sorted(seen) == sorted(self.left + [self.one["resourceName"], self.two["resourceName"]])
        token = page["nextSyncToken"]
        assert "connections" not in connections.list(**asked, syncToken=token).execute()
        self.people.deleteContact(resourceName=self.two["resourceName"]).execute()
        gone = connections.list(**asked, syncToken=token).execute()
        assert gone["connections"][0]["metadata"]["deleted"] and gone["nextSyncToken"] != token
        refused(self.people.get(resourceName=self.two["resourceName"], personFields="names"), 404, "not found")
        refused(self.people.deleteContact(resourceName=self.two["resourceName"]), 404, "not found")
        refused(connections.list(**{**asked, "pageSize": 30}, syncToken=token), 400, "must match")
        refused(connections.list(**{**asked, "pageSize": 1001}), 400, "Page size")
        refused(connections.list(**asked, syncToken="garbage"), 400, "invalid")
        self.asked, self.sync_token = asked, gone["nextSyncToken"]

    def groups_and_members(self):
        label = self.groups.create(body={"contactGroup": {"name": "Centiva"}}).execute()
        error = refused(self.groups.create(body={"contactGroup": {"name": " centiva "}}), 409, "already exists")
        assert error["status"] == "ALREADY_EXISTS"
        name, one = label["resourceName"], self.one["resourceName"]
        refused(self.groups.delete(resourceName="contactGroups/myContacts"), 400, "System groups")
        modify = self.groups.members().modify
        answer = modify(resourceName=name, body={"resourceNamesToAdd": [one, "people/c1"]}).execute()
        assert answer == {"notFoundResourceNames": ["people/c1"]}
        shown = self.groups.get(resourceName=name, maxMembers=10).execute()
        assert shown["memberResourceNames"] == [one] and shown["memberCount"] == 1
        assert "memberResourceNames" not in self.groups.get(resourceName=name).execute()
        modify(resourceName="contactGroups/myContacts", body={"resourceNamesToRemove": [one]}).execute()
        answer = modify(resourceName=name, body={"resourceNamesToRemove": [one]}).execute()
        assert answer == {"canNotRemoveLastContactGroupResourceNames": [one]}
        refused(modify(resourceName="contactGroups/friends", body={"resourceNamesToAdd": [one]}), 400, "system group")
        body = {"contactGroup": {"name": "Clients"}, "updateGroupFields": "name"}
        assert self.groups.update(resourceName=name, body=body).execute()["name"] == "Clients"
        listed = self.groups.list(pageSize=1000).execute()["contactGroups"]
        assert "Clients" in [g["name"] for g in listed]
        self.groups.delete(resourceName=name).execute()
        shown = self.people.get(resourceName=one, personFields="memberships").execute()
        assert len(shown["memberships"]) == 1, "a contact never is without a group"

    def search(self):
        find = self.people.searchContacts(query="tremb", readMask="names", pageSize=30)
        assert find.execute() == {}, "cold"
        self.people.searchContacts(query="", readMask="names").execute()
        assert len(find.execute()["results"]) == 30

    def sync_token_expires(self):
        control("POST", "clock/advance", {"seconds": 7 * 86400 + 1})
        self.renew(control("POST", "accounts", {"subject": self.subject})["access_token"])
        connections = self.people.connections()
        error = refused(connections.list(**self.asked, syncToken=self.sync_token), 400, "Sync token is expired")
        assert detail(error, "ErrorInfo")["reason"] == "EXPIRED_SYNC_TOKEN"

    def access_token_expires(self):
        assert self.raw_groups() == 200
        control("POST", "clock/advance", {"seconds": 3601})
        assert self.raw_groups() == 401
        self.renew(control("POST", "accounts", {"subject": self.subject})["access_token"])
        control("POST", f"accounts/{self.subject}/expire-access")
        assert self.raw_groups() == 401
        self.renew(control("POST", "accounts", {"subject": self.subject})["access_token"])

    def raw_groups(self):
        """The HTTP status of a listing, asked without the client: on 401 it would try to refresh, for which it has no token."""
        request = urllib.request.Request(f"{BASE}/v1/contactGroups", headers={"Authorization": f"Bearer {self.token}"})
        try:
            return DIRECT.open(request).status
        except urllib.error.HTTPError as error:
            assert json.load(error)["error"]["status"] == "UNAUTHENTICATED"
            return error.code

    def quota(self):
        control("PATCH", f"accounts/{self.subject}/limits", {"critical_writes_per_minute": 6})
        control("POST", "clock/advance", {"seconds": 60})
        body = {"contacts": [{"contactPerson": person("q")}], "readMask": "names"}
        self.people.batchCreateContacts(body=body).execute()
        error = refused(self.people.createContact(body=person("q")), 429, "Quota exceeded for quota metric 'Critical write")
        assert error["status"] == "RESOURCE_EXHAUSTED"
        info = detail(error, "ErrorInfo")
        assert info["reason"] == "RATE_LIMIT_EXCEEDED"
        assert info["metadata"]["quota_limit"] == "CriticalWritesPerMinutePerProjectPerUser"
        control("POST", "clock/advance", {"seconds": 60})
        self.people.createContact(body=person("q")).execute()

    def read_only_scope(self):
        scopes = "openid https://www.googleapis.com/auth/contacts.readonly"
        self.renew(control("POST", "accounts", {"subject": self.subject, "scopes": scopes})["access_token"])
        self.groups.list().execute()
        error = refused(self.people.createContact(body=person("r")), 403, "insufficient authentication scopes")
        assert detail(error, "ErrorInfo")["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"

    def renew(self, token):
        self.token = token
        options = {"api_endpoint": BASE}
        credentials = Credentials(token=token)
        service = build("people", "v1", credentials=credentials, static_discovery=True, client_options=options)
        self.people, self.groups = service.people(), service.contactGroups()


def main():
    story = Story()
    steps = ["create", "create_refuses", "get", "update", "batch", "list", "groups_and_members", "search"]
    steps += ["sync_token_expires", "access_token_expires", "quota", "read_only_scope"]
    for step in steps:
        try:
            getattr(story, step)()
        except Exception as error:  # whatever it is, the step failed
            print(f"FAILED {step}: {type(error).__name__} {error}")
            raise
        print(f"ok {step.replace('_', ' ')}", flush=True)


if __name__ == "__main__":
    main()

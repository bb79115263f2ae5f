# Code generated from the OpenAPI document by internal/clientgen. DO NOT EDIT.
"""The JSON objects of the API.

Values are plain dictionaries. Members of requests that are not required may be left out; None resets them to their default.
"""

from __future__ import annotations

from typing import Any, Dict, List, Literal, Optional, TypedDict, Union

from ._values import Duration, Timestamp


class _NewEvent(TypedDict):
    type: str
    """Letters, digits, _ and -, in parts joined by dots."""
    data: Any
    """The payload, any JSON value; endpoints get it byte for byte."""


class NewEvent(_NewEvent, total=False):
    id: Optional[str]
    """Your id of the event: sending it again stores it only once. Left out: Relay makes one."""
    timestamp: Optional[Timestamp]
    """When it happened; left out: now."""
    version: Optional[str]
    """Version of the data's shape."""
    attributes: Optional[Dict[str, Any]]
    """Extra members for formats that have room for them."""
    key: Optional[str]
    """Ordering key."""
    deliverAt: Optional[Timestamp]
    """Hold delivery back until then, at most 30 days."""


class ResendRequest(TypedDict, total=False):
    webhookId: Optional[str]
    """Only to this webhook; left out: to all that match."""


class _CreateEventType(TypedDict):
    name: str
    """Letters, digits, _ and -, in parts joined by dots."""


class CreateEventType(_CreateEventType, total=False):
    description: Optional[str]
    """What happened, what it is used for."""
    fires: Optional[str]
    """When such an event is published."""
    version: Optional[str]
    """Of the schema. At creation 1 when left out; in a change the version that is changed or made:
    left out, the current one, or a new one if a schema changes.
    """
    aliases: Optional[List[str]]
    """Other names of the type. Default: []."""
    schema: Any
    """JSON Schema of the data, 2020-12 unless it says otherwise. References lead into itself; nothing
    is fetched.
    """
    attributesSchema: Any
    """JSON Schema of the attributes."""
    example: Any
    """The data of such an event, which fits the schema; left out: made from the schema."""
    exampleAttributes: Any
    """Its attributes, an object."""
    validation: Optional[Literal["off", "warn", "strict"]]
    """What becomes of events that violate the schema; null or left out: as the catalogue's settings
    say.
    """
    deprecated: Optional[bool]
    """Default: false."""
    archived: Optional[bool]
    """Default: false."""


class UpdateEventType(TypedDict, total=False):
    description: Optional[str]
    """What happened, what it is used for."""
    fires: Optional[str]
    """When such an event is published."""
    version: Optional[str]
    """Of the schema. At creation 1 when left out; in a change the version that is changed or made:
    left out, the current one, or a new one if a schema changes.
    """
    aliases: Optional[List[str]]
    """Other names of the type."""
    schema: Any
    """JSON Schema of the data, 2020-12 unless it says otherwise. References lead into itself; nothing
    is fetched.
    """
    attributesSchema: Any
    """JSON Schema of the attributes."""
    example: Any
    """The data of such an event, which fits the schema; left out: made from the schema."""
    exampleAttributes: Any
    """Its attributes, an object."""
    validation: Optional[Literal["off", "warn", "strict"]]
    """What becomes of events that violate the schema; null or left out: as the catalogue's settings
    say.
    """
    deprecated: Optional[bool]
    archived: Optional[bool]


class UpdateCatalogue(TypedDict, total=False):
    validation: Optional[Literal["off", "warn", "strict"]]


class _CreateDerivationRule(TypedDict):
    name: str
    """Lower case letters, digits and -."""
    on: Optional[str]
    """The type of the events it looks at."""
    type: Optional[str]
    """The type of the events that follow."""
    data: Optional[str]
    """Their data: paths of event and item, literals, objects, merge(a, b) and pick(object, ["a"]).
    """


class CreateDerivationRule(_CreateDerivationRule, total=False):
    description: Optional[str]
    when: Optional[str]
    """Its condition, a CEL expression over event as filters are; empty: always. A member that is
    absent makes it false.
    """
    forEach: Optional[str]
    """The path of a list, for each element of which (item) an event follows; empty: one event follows.
    """
    attributes: Optional[str]
    """Their attributes, likewise; empty: none."""
    before: Optional[bool]
    """Store them before their cause instead of behind it. Default: false."""
    enabled: Optional[bool]
    """Default: true."""


class UpdateDerivationRule(TypedDict, total=False):
    description: Optional[str]
    on: Optional[str]
    """The type of the events it looks at."""
    when: Optional[str]
    """Its condition, a CEL expression over event as filters are; empty: always. A member that is
    absent makes it false.
    """
    forEach: Optional[str]
    """The path of a list, for each element of which (item) an event follows; empty: one event follows.
    """
    type: Optional[str]
    """The type of the events that follow."""
    data: Optional[str]
    """Their data: paths of event and item, literals, objects, merge(a, b) and pick(object, ["a"]).
    """
    attributes: Optional[str]
    """Their attributes, likewise; empty: none."""
    before: Optional[bool]
    """Store them before their cause instead of behind it."""
    enabled: Optional[bool]


class _CreateWebhook(TypedDict):
    url: Optional[str]
    """Where to send events: an https address. Addresses inside of private networks are refused."""


class CreateWebhook(_CreateWebhook, total=False):
    description: Optional[str]
    """A label for people. Default: ""."""
    events: Optional[List[str]]
    """Event types it wants; * stands for any characters, as in call.*. Default: [ "*" ].
    """
    filter: Optional[Union[str, Dict[str, Any]]]
    """A CEL expression over event (type, data, attributes, time, key) that is true for the events it
    wants; empty: all. A member that is absent is no match. An object of operators is taken, too,
    and becomes an expression. Default: "".
    """
    transform: Optional[str]
    """JavaScript that defines transform(event), which returns {body, headers, query, url} of the
    request, all optional and on the same host, or null to drop the event; empty: none. It is
    compiled when it is saved. Default: "".
    """
    format: Optional[Literal["relay", "push", "cloudevents", "cloudevents-binary", "raw"]]
    """Shape of the body, unless a transform returns one. Default: "relay"."""
    signature: Optional[Union[Literal["relay", "standard", "relay+standard", "none", "svix", "github", "stripe"], SignatureFormFields, List[Union[Literal["relay", "standard", "relay+standard", "none", "svix", "github", "stripe"], SignatureFormFields]]]]
    """Headers that sign a request: X-Relay-Signature, those of Standard Webhooks, both, none, those of
    another system by its name or as an object, or a list of several. Default: "relay".
    """
    keyPair: Optional[bool]
    """Signs with an ed25519 key as well (v1a of Standard Webhooks), which receivers verify with
    publicKey and cannot sign with; needs the signature standard or relay+standard. Default: false.
    """
    auth: Optional[AuthFields]
    """How requests say who they come from. A PATCH changes the members it names; another type starts
    anew. Credentials are shown as ***, and *** keeps the one there is. Default: { "type": "none" }.
    """
    headers: Optional[Dict[str, str]]
    """Sent with every request. Default: {}."""
    traceparent: Optional[bool]
    """Hands the trace of the event on, in the header traceparent (W3C Trace Context), so that the
    receiver's spans join it. Only for receivers that may know the ids of your traces. Default:
    false.
    """
    labels: Optional[Dict[str, str]]
    """What the webhook belongs to, such as a customer: a portal link can be limited to webhooks with a
    label. Up to 16 names with values. Default: {}.
    """
    retry: Optional[RetryFields]
    """When to try again. A PATCH changes the members it names, and a preset becomes a custom policy by
    it.
    """
    timeout: Optional[Duration]
    """Of an attempt, from looking up the name to the last byte of the answer; 100ms to 60s. Default:
    "10s".
    """
    maxConcurrency: Optional[int]
    """Attempts under way at a time; 0: Relay adapts it. Default: 0."""
    disableOn: Optional[List[int]]
    """Status codes that disable the webhook at once, such as 410. Default: []."""
    rateLimit: Optional[RateLimitFields]
    """Bounds how many attempts start in a second."""
    batch: Optional[BatchFields]
    """Events share a request, sent as soon as one of the bounds is reached; the answer is for all of
    them, and a retry sends the same again. Not with ordering fifo. A PATCH changes the members it
    names.
    """
    ordering: Optional[Literal["none", "fifo"]]
    """Fifo delivers strictly in the order of acceptance, events with the same key among themselves; a
    delivery that waits for its retry holds those behind it. Default: "none".
    """
    maintenance: Optional[List[WindowFields]]
    """Windows without deliveries; events are held and delivered afterwards. Default: []."""
    preset: Optional[Literal["relay", "push", "svix", "github", "stripe"]]
    """A contract that fills format, signature, retry and timeout; every field can still be set by
    itself. Default: "relay".
    """
    secret: Optional[str]
    """The signing secret, such as the one that a receiver verifies already: any text that suits the
    signature; standard needs whsec_ and the base64 of 24 to 64 bytes. Left out: Relay makes one.
    """


class _SignatureFormFields(TypedDict):
    header: str
    """The header with the signature."""


class SignatureFormFields(_SignatureFormFields, total=False):
    value: Optional[str]
    """The header's value: {signatures}, and as wanted {timestamp} in unix seconds and {id} of the
    delivery. Default: "{signatures}".
    """
    content: Optional[str]
    """The signed text: {body}, and as wanted {timestamp} and {id}. Default: "{body}"."""
    algorithm: Optional[Literal["sha256", "sha1", "sha512"]]
    """The hash of the HMAC. Default: "sha256"."""
    encoding: Optional[Literal["hex", "base64"]]
    """Default: "hex"."""
    prefix: Optional[str]
    """Of each signature. Default: ""."""
    separator: Optional[str]
    """Between two signatures, while a rotation overlaps; empty: there is room for one. Default: "".
    """
    key: Optional[Literal["text", "base64", "hex"]]
    """The key: the secret's bytes (text), or those it encodes; a beginning whsec_ is no part of
    base64. Default: "text".
    """
    idHeader: Optional[str]
    """A header with the id; empty: none. Default: ""."""
    timestampHeader: Optional[str]
    """A header with the timestamp; empty: none. Default: ""."""


class AuthFields(TypedDict, total=False):
    type: Optional[Literal["none", "basic", "apiKey", "oauth2", "mtls"]]
    """Default: "none"."""
    username: Optional[str]
    """Of basic; required with the type, as is password; one of them may be ""."""
    password: Optional[str]
    """Of basic; write-only."""
    token: Optional[str]
    """Of apiKey; write-only."""
    header: Optional[str]
    """Of apiKey: the header it is sent in. Default: "ApiKey"."""
    prefix: Optional[str]
    """Of apiKey: put before the token as it is. Default: ""."""
    clientId: Optional[str]
    """Of oauth2, the client credentials grant."""
    clientSecret: Optional[str]
    """Of oauth2; write-only."""
    tokenUrl: Optional[str]
    """Of oauth2: the https address that gives out tokens."""
    scope: Optional[str]
    """Of oauth2; required with the type, "" for none. Default: ""."""
    audience: Optional[str]
    """Of oauth2. Default: ""."""
    parameters: Optional[Dict[str, str]]
    """Of oauth2: further parameters of the token request, all of them; shown, so no secrets. Default:
    {}.
    """
    style: Optional[Literal["header", "body"]]
    """Of oauth2: where the token request carries clientId and clientSecret. Default: "header"."""
    cert: Optional[str]
    """Of mtls: the client certificate and its intermediates, PEM."""
    key: Optional[str]
    """Of mtls: the certificate's key, PEM; write-only."""


class RetryFields(TypedDict, total=False):
    preset: Optional[Literal["relay", "push"]]
    """A ready policy; excludes the other members."""
    attempts: Optional[int]
    """In all, the first included."""
    waits: Optional[List[Duration]]
    """Before the second, third … attempt; the last one repeats; excludes initialWait and factor.
    """
    initialWait: Optional[Duration]
    """Before the second attempt."""
    factor: Optional[float]
    """Each wait is this many times the one before."""
    maxWait: Optional[Duration]
    """The longest wait, also one asked for by Retry-After."""
    maxAge: Optional[Duration]
    """How long after the first attempt was due the last one may begin; up to 744h."""
    retryOn: Optional[List[str]]
    """Failures that are retried: status codes, classes such as 5xx, timeout, network (no answer),
    other (any unsuccessful answer).
    """


class _RateLimitFields(TypedDict):
    perSecond: float
    """Attempts a second, 0.01 to 10000."""


class RateLimitFields(_RateLimitFields, total=False):
    burst: int
    """Attempts that may start together; 0: as perSecond, at least 1."""


class BatchFields(TypedDict, total=False):
    maxEvents: Optional[int]
    """Events in a request at most. Default: 100."""
    maxWait: Optional[Duration]
    """How long the first waits for others; 0s to 1h. Default: "1s"."""
    maxBytes: Optional[int]
    """Of the body at most; a larger event goes alone. Default: 1048576."""


WindowFields = TypedDict(
    "WindowFields",
    {
        "from": "Timestamp",
        "to": "Timestamp",
    },
)


class UpdateWebhook(TypedDict, total=False):
    url: Optional[str]
    """Where to send events: an https address. Addresses inside of private networks are refused."""
    description: Optional[str]
    """A label for people."""
    events: Optional[List[str]]
    """Event types it wants; * stands for any characters, as in call.*."""
    filter: Optional[Union[str, Dict[str, Any]]]
    """A CEL expression over event (type, data, attributes, time, key) that is true for the events it
    wants; empty: all. A member that is absent is no match. An object of operators is taken, too,
    and becomes an expression.
    """
    transform: Optional[str]
    """JavaScript that defines transform(event), which returns {body, headers, query, url} of the
    request, all optional and on the same host, or null to drop the event; empty: none. It is
    compiled when it is saved.
    """
    format: Optional[Literal["relay", "push", "cloudevents", "cloudevents-binary", "raw"]]
    """Shape of the body, unless a transform returns one."""
    signature: Optional[Union[Literal["relay", "standard", "relay+standard", "none", "svix", "github", "stripe"], SignatureFormFields, List[Union[Literal["relay", "standard", "relay+standard", "none", "svix", "github", "stripe"], SignatureFormFields]]]]
    """Headers that sign a request: X-Relay-Signature, those of Standard Webhooks, both, none, those of
    another system by its name or as an object, or a list of several.
    """
    keyPair: Optional[bool]
    """Signs with an ed25519 key as well (v1a of Standard Webhooks), which receivers verify with
    publicKey and cannot sign with; needs the signature standard or relay+standard.
    """
    auth: Optional[AuthFields]
    """How requests say who they come from. A PATCH changes the members it names; another type starts
    anew. Credentials are shown as ***, and *** keeps the one there is.
    """
    headers: Optional[Dict[str, str]]
    """Sent with every request."""
    traceparent: Optional[bool]
    """Hands the trace of the event on, in the header traceparent (W3C Trace Context), so that the
    receiver's spans join it. Only for receivers that may know the ids of your traces.
    """
    labels: Optional[Dict[str, str]]
    """What the webhook belongs to, such as a customer: a portal link can be limited to webhooks with a
    label. Up to 16 names with values.
    """
    retry: Optional[RetryFields]
    """When to try again. A PATCH changes the members it names, and a preset becomes a custom policy by
    it.
    """
    timeout: Optional[Duration]
    """Of an attempt, from looking up the name to the last byte of the answer; 100ms to 60s."""
    maxConcurrency: Optional[int]
    """Attempts under way at a time; 0: Relay adapts it."""
    disableOn: Optional[List[int]]
    """Status codes that disable the webhook at once, such as 410."""
    rateLimit: Optional[RateLimitFields]
    """Bounds how many attempts start in a second."""
    batch: Optional[BatchFields]
    """Events share a request, sent as soon as one of the bounds is reached; the answer is for all of
    them, and a retry sends the same again. Not with ordering fifo. A PATCH changes the members it
    names.
    """
    ordering: Optional[Literal["none", "fifo"]]
    """Fifo delivers strictly in the order of acceptance, events with the same key among themselves; a
    delivery that waits for its retry holds those behind it.
    """
    maintenance: Optional[List[WindowFields]]
    """Windows without deliveries; events are held and delivered afterwards."""


class TestRequest(TypedDict, total=False):
    type: Optional[str]
    """The type whose example is sent; left out: the first type the webhook names, else one of the
    catalogue that it wants.
    """


class PreviewRequest(TypedDict, total=False):
    filter: Optional[Union[str, Dict[str, Any]]]
    """The filter to try; left out: the webhook's."""
    transform: Optional[str]
    """The transform to try; left out: the webhook's."""
    format: Optional[Literal["relay", "push", "cloudevents", "cloudevents-binary", "raw"]]
    """The format to try; left out: the webhook's."""
    last: Optional[int]
    """Try the last so many events of the types that the webhook asks for, of the last 1000. Default:
    10.
    """
    eventIds: Optional[List[str]]
    """Try these past events."""
    events: Optional[List[NewEvent]]
    """Try these events, given as for publishing; they are not stored."""


class RotateRequest(TypedDict, total=False):
    overlap: Optional[Duration]
    """For how long the old secret signs as well, up to 168h; needs a signature that can be made twice,
    such as standard, svix or stripe. Default: "0s".
    """
    secret: Optional[str]
    """The new secret, as when a webhook is created; left out: Relay makes one."""


class SinceRequest(TypedDict):
    since: Timestamp
    """From when on."""


class CreateHook(TypedDict, total=False):
    targetUrl: Optional[str]
    """Where to send events: an https address. target_url and url are taken as well; exactly one of the
    three must be given.
    """
    target_url: Optional[str]
    """As targetUrl."""
    url: Optional[str]
    """As targetUrl."""
    event: Optional[str]
    """The event type; * stands for any characters. Left out, with events: all events."""
    events: Optional[List[str]]
    """Several event types, in place of event."""
    filter: Optional[Union[str, Dict[str, Any]]]
    """A CEL expression that is true for the events it wants, as webhooks have it; empty: all. Default:
    "".
    """


class _CreateLogView(TypedDict):
    name: str
    """1 to 60 characters; other views of yours, or that the tenant shares, have other names."""
    filter: LogViewFilterFields


class CreateLogView(_CreateLogView, total=False):
    shared: Optional[bool]
    """With everybody in the tenant. Required to be true of keys: only people have views of their own.
    """


class LogViewFilterFields(TypedDict, total=False):
    status: Optional[Literal["delivered", "retrying", "failed"]]
    code: Optional[str]
    """A status code such as 500, or a class such as 5xx."""
    errorKind: Optional[Literal["status", "timeout", "connect", "dns", "tls", "reset", "protocol", "response_too_large", "blocked_address", "proxy", "auth", "transform", "request", "answer", "canceled"]]
    eventType: Optional[str]
    webhookId: Optional[str]
    within: Optional[str]
    """How far back, as seen from the moment of reading: a duration such as 24h."""


class _CreateCampaign(TypedDict):
    id: int
    """Its number, of your choice."""


class CreateCampaign(_CreateCampaign, total=False):
    name: str
    """A label for people."""


class UpdateCampaign(TypedDict, total=False):
    name: Optional[str]
    """A label for people."""


class _NewRespondent(TypedDict):
    campaignId: int
    """The campaign's number; it comes into being with its first respondent."""
    respondent: NewPerson


class NewRespondent(_NewRespondent, total=False):
    note: Optional[str]
    employee: Optional[Employee]
    """Whom the respondent dealt with."""
    sender: Optional[Sender]
    """In whose name the respondent is written to."""
    doNotContact: Optional[bool]
    """Default: false."""
    custom: Any
    id: Optional[str]
    """The sender's own id of it: sending it again stores it only once. Left out: equal data is a new
    respondent.
    """


class NewPerson(TypedDict, total=False):
    address1: Optional[str]
    city: Optional[str]
    country: Optional[str]
    zipCode: Optional[str]
    emailAddress: Optional[str]
    """One that looks wrong is warned about."""
    firstName: Optional[str]
    lastName: Optional[str]
    title: Optional[str]
    company: Optional[Company]
    phoneNumber: Optional[str]
    """In E.164 form; another is warned about."""


class Company(TypedDict, total=False):
    name: Optional[str]
    emailAddress: Optional[str]
    industry: Optional[str]


class Employee(TypedDict, total=False):
    email: Optional[str]
    firstName: Optional[str]
    lastName: Optional[str]
    title: Optional[str]
    department: Optional[str]
    team: Optional[str]
    division: Optional[str]


class Sender(TypedDict, total=False):
    email: Optional[str]
    firstName: Optional[str]
    lastName: Optional[str]


class EraseRequest(TypedDict, total=False):
    emailAddress: Optional[str]
    phoneNumber: Optional[str]


class UpdateGate(TypedDict, total=False):
    enabled: Optional[bool]
    url: Optional[str]
    """The endpoint: an https address."""
    auth: Optional[AuthFields]
    """As for a webhook; credentials are shown as ***, and *** keeps the one there is."""
    integrations: Optional[List[str]]
    """Null: miralix, dixa, 3kontakt, telia-touchpoint, dstny, tele2."""
    mode: Optional[Literal["forward", "decide"]]
    deadline: Optional[Duration]
    """0s to 25s; needs mode decide."""
    onFailure: Optional[Literal["hold", "store", "discard"]]
    timeout: Optional[Duration]
    """Of an attempt, 100ms to 60s."""
    retry: Optional[RetryFields]
    """When to try again, as for a webhook."""


class _CreateIntegration(TypedDict):
    name: str
    """A-z, 0-9, - and _: it is part of the address that respondents are sent to."""


class CreateIntegration(_CreateIntegration, total=False):
    description: str
    """A label for people."""


class CreateConnector(TypedDict):
    document: str
    """The definition, in YAML or JSON."""


class _UpdateConnector(TypedDict):
    version: str
    """The version that is changed."""


class UpdateConnector(_UpdateConnector, total=False):
    document: Optional[str]
    """Of a draft: the definition instead of the one there is."""
    state: Optional[Literal["draft", "testing", "live", "retired"]]
    """Live only with tests that pass and a plan that is done."""


class _DoneStep(TypedDict):
    version: str
    step: str
    """The step, as the definition has it."""


class DoneStep(_DoneStep, total=False):
    evidence: str
    """How one can see that, such as the id of an attempt."""


class _ConnectorPayload(TypedDict):
    payload: Any
    """The payload that the connector receives; members may be left out."""


class ConnectorPayload(_ConnectorPayload, total=False):
    version: str
    """Left out: the newest live one, else the newest."""
    connection: str
    """A connection whose fields are taken; left out: examples."""
    operation: Literal["enter", "update", "leave"]
    """What has happened to the profile; left out: enter. Default: "enter"."""
    send: bool
    """Send it to the partner, by the connection."""


class _CreateConnection(TypedDict):
    connector: str


class CreateConnection(_CreateConnection, total=False):
    name: Optional[str]
    """A label for people."""
    version: Optional[str]
    """Of a connector of your own; left out: the newest live one."""
    partnerNumber: Optional[int]
    """Instead of the connector's. Default: 0."""
    siteNumber: Optional[int]
    """Specific to your organization. Default: 0."""
    fields: Optional[Dict[str, str]]
    """By the names that the connector gives; an empty text resets one, *** keeps a secret. Default:
    {}.
    """


class UpdateConnection(TypedDict, total=False):
    name: Optional[str]
    """A label for people."""
    version: Optional[str]
    """Of a connector of your own; left out: the newest live one."""
    partnerNumber: Optional[int]
    """Instead of the connector's."""
    siteNumber: Optional[int]
    """Specific to your organization."""
    fields: Optional[Dict[str, str]]
    """By the names that the connector gives; an empty text resets one, *** keeps a secret."""


class PutProfile(TypedDict, total=False):
    sourceId: Optional[str]
    """As given. Default: ""."""
    partnerIds: Optional[Dict[str, List[str]]]
    """Identifiers by partner number, all of them, the oldest first. Default: {}."""
    variables: Any
    """An object, all of it."""
    test: Optional[bool]
    """Connectors in testing send it. Default: false."""
    doNotContact: Optional[bool]
    """Nothing but its removal is sent. Default: false."""
    consent: Dict[str, PutConsent]
    """The purposes that change."""


class _PutConsent(TypedDict):
    state: Literal["granted", "denied", "unknown"]
    """Unknown takes the answer back."""


class PutConsent(_PutConsent, total=False):
    at: Optional[Timestamp]
    """When."""
    proof: str
    """Where it is written down."""


class _CreateAudience(TypedDict):
    number: int
    """Unique; relay42AudienceNumber of the payload."""
    name: str


class CreateAudience(_CreateAudience, total=False):
    data: Any
    """An object, part of each payload."""


class UpdateAudience(TypedDict, total=False):
    name: Optional[str]
    data: Any
    """An object, part of each payload; a change is not sent by itself."""


class _CreateAttachment(TypedDict):
    connection: str


class CreateAttachment(_CreateAttachment, total=False):
    externalId: str
    """The segment or event at the partner; sent byte for byte. An error where the connector uses it
    and it is blank.
    """
    onUpdate: bool
    """The partner is told of changes of members, too."""
    consentPurpose: str
    """Only profiles that have granted it are sent; one that takes it back is removed."""


class UpdateAttachment(TypedDict, total=False):
    paused: Optional[bool]
    """True: nothing is sent; false: what is wanted by then is sent, and what was rejected is tried
    again.
    """
    onUpdate: Optional[bool]
    """The partner is told of changes of members, too."""
    externalId: Optional[str]
    """Another segment at the partner: the audience is detached from the old one, and attached anew
    with another id.
    """
    members: Optional[Literal["remove", "keep"]]
    """With externalId: whether the members are removed from the old segment."""


class _PutMembers(TypedDict):
    rows: List[Any]
    """Objects with profileId, sourceId, partnerIds, variables, test and doNotContact."""


class PutMembers(_PutMembers, total=False):
    mode: Literal["add", "remove"]
    """Whether they enter or leave. Default: "add"."""


class CreateImport(TypedDict):
    mode: Literal["add", "remove", "replace"]
    """Add: the profiles of the rows enter; remove: they leave; replace: they enter, and all others
    leave.
    """


class ImportRows(TypedDict, total=False):
    line: int
    """Number of the first row; a line that the import has is passed over, so that a table can be sent
    again from any line. Default: 1.
    """
    rows: List[Any]
    """Objects with profileId, sourceId, partnerIds, variables, test and doNotContact."""
    text: str
    """Instead of rows: lines of such objects, or CSV whose first line names the columns."""
    format: Literal["ndjson", "csv"]
    """Of the text. Default: "ndjson"."""
    mapping: Dict[str, str]
    """Of CSV, by column: profileId, sourceId, test, doNotContact, partnerIds.NUMBER, variables.NAME,
    with :number, :bool or :json behind a variable. Empty: by the names of the columns, others are
    variables.
    """


class StartImport(TypedDict, total=False):
    force: bool
    """Also if a replacement removes more than 20 % of the members, or leaves rows out."""


class _CreateJourney(TypedDict):
    number: int
    """Unique among journeys and audiences; relay42AudienceNumber of the payload."""
    document: str
    """The journey, in YAML or JSON: see docs/journeys.md."""


class CreateJourney(_CreateJourney, total=False):
    mode: Literal["live", "paused", "draining"]
    """Paused: who enters waits until it goes on; draining: nobody enters. Default: "live"."""


class _DryRun(TypedDict):
    profile: DryProfile
    events: List[DryEvent]
    """What happens, in any order."""


class DryRun(_DryRun, total=False):
    document: str
    """The journey, in YAML or JSON. Left out: the current version of number."""
    number: int
    """Of the journey; of the payload, where a document is given."""
    outcomes: Dict[str, str]
    """Of sends, by step: delivered, rejected or skipped; others are delivered."""
    until: Optional[Timestamp]
    """When the run ends at the latest; left out: two years after the last event."""
    seed: str
    """Another text may take another way where a split decides."""


class _DryProfile(TypedDict):
    profileId: str


class DryProfile(_DryProfile, total=False):
    sourceId: Optional[str]
    """As given. Default: ""."""
    partnerIds: Optional[Dict[str, List[str]]]
    """Identifiers by partner number, all of them, the oldest first. Default: {}."""
    variables: Any
    """An object, all of it."""
    test: Optional[bool]
    """Connectors in testing send it. Default: false."""
    doNotContact: Optional[bool]
    """Nothing but its removal is sent. Default: false."""
    consent: Dict[str, PutConsent]
    """The purposes that change."""
    audiences: List[int]
    """Those that it is in at the beginning."""


class _DryEvent(TypedDict):
    at: Timestamp


class DryEvent(_DryEvent, total=False):
    type: str
    """Of an event."""
    data: Any
    """Of an event."""
    key: str
    """Of an event."""
    audience: int
    """Instead of an event: the audience that the profile enters or leaves."""
    on: Literal["enter", "leave"]
    """With audience. Default: "enter"."""


class UpdateJourney(TypedDict, total=False):
    document: Optional[str]
    """A new version, for those who enter from now on; who is inside stays in theirs."""
    mode: Optional[Literal["live", "paused", "draining", "stopped"]]
    """Stopped takes everybody out at once."""
    resume: Literal["shift", "catchUp"]
    """Needed to end a pause. shift: waits are longer by it, but times of day and dates stay; catchUp:
    what was due in between is due now.
    """


MoveJourney = TypedDict(
    "MoveJourney",
    {
        # The version they are in; left out: any older one.
        "from": "int",
        # Where those go on who stand in a step: in another one, or at the "end". Others go on in
        # the step of the same name and kind, and waits keep their times.
        "steps": "Dict[str, str]",
        # Only say what would happen.
        "preview": "bool",
    },
    total=False,
)


class _CreateKey(TypedDict):
    name: str
    """A label for people."""
    scopes: List[Literal["publish", "hooks", "read", "manage", "admin", "platform"]]
    """What it may do: publish events, hooks (REST hooks of automation platforms), read, manage
    (webhooks, retries; includes read and hooks), admin (keys; includes all of these), platform (act
    for any tenant).
    """


class CreateKey(_CreateKey, total=False):
    limits: Optional[KeyLimitsFields]
    """Narrow the scope publish to these event types and integrations; null: everything may be
    published.
    """
    expiresAt: Optional[Timestamp]
    """From when on it is refused; null: never."""


class KeyLimitsFields(TypedDict, total=False):
    types: List[str]
    """Event types that the key may publish, in which * stands for any characters; empty: none."""
    integrations: List[str]
    """Integrations by which the key may send respondents; none: it may add them directly; *: both, and
    by every integration; empty: it may send none.
    """


class ReplaceKey(TypedDict, total=False):
    overlap: Optional[Duration]
    """How long the old key stays valid, up to 720h. Default: "0s"."""
    expiresAt: Optional[Timestamp]
    """From when on the new key is refused; null: never."""


class UpdatePortal(TypedDict, total=False):
    name: Optional[str]
    """In the title and the head of the pages."""
    logo: Optional[str]
    """A PNG or SVG image of up to 100 KiB, as a data: address in base 64; null or empty: none."""
    theme: Optional[PortalThemeFields]
    """Those that are left out stay as they are."""
    start: Optional[Literal["webhooks", "webhooks/new", "log", "types"]]
    """The page that is shown first, unless a link says otherwise."""
    hideNavigation: Optional[bool]
    """Leaves out the head with logo, name and menu, for a frame below a menu of your own."""
    noGutters: Optional[bool]
    """Leaves out the space around the pages."""
    words: Optional[Dict[str, str]]
    """What the pages say instead of a phrase, by the phrase in English; see listPortalWords."""
    embedOrigins: Optional[List[str]]
    """The sites that may show the portal in a frame, exactly: scheme, host, and the port if it is not
    the usual one. None by default.
    """
    refreshUrl: Optional[str]
    """Your page with the portal; people whose session has ended are offered the way there."""


class PortalThemeFields(TypedDict, total=False):
    accent: Optional[str]
    """Of links and buttons: a color such as #0b5fc4. It is made darker or lighter until text has a
    contrast of 4.5 to 1.
    """
    radius: Optional[int]
    """Of corners, in pixels."""
    font: Optional[Literal["inter", "system", "serif"]]
    theme: Optional[Literal["auto", "light", "dark"]]
    """Auto: as the customer's system."""
    language: Optional[Literal["en", "de", "da"]]


class CreatePortalLink(TypedDict, total=False):
    capabilities: Optional[List[str]]
    """View: see webhooks and their log, which every link allows; manage: add, change, pause and delete
    webhooks; test; replay: retry, cancel and recover; secret: see and rotate secrets; transform:
    change filters and transforms. Default: [ "view" ].
    """
    webhooks: Optional[List[str]]
    """Ids of webhooks, or labels such as customer=acme, one of which a webhook must have to be seen.
    Webhooks added in the portal get the labels. Empty: all webhooks of the tenant. Default: [].
    """
    eventTypes: Optional[List[str]]
    """Names and globs of the event types that can be chosen and seen; empty: all. Default: []."""
    filter: Optional[str]
    """The filter of webhooks added in the portal, which cannot be changed there: where customers share
    a tenant, it keeps their events apart. Default: "".
    """
    expiresIn: Optional[Duration]
    """How long the link can be opened, up to 168h. A session lasts 8 hours from then on. Default:
    "1h".
    """
    sessionId: Optional[str]
    """The session of your product; deleting links by it ends the customer's sessions in the portal,
    too.
    """
    user: Optional[PortalUserFields]
    """Who the link is for, for the audit log."""
    next: Optional[Literal["webhooks", "webhooks/new", "log", "types"]]
    """The page that is shown first; left out: as the portal's settings say."""
    theme: Optional[PortalThemeFields]
    """In place of the portal's."""


class PortalUserFields(TypedDict, total=False):
    id: str
    """The audit log has it with every change the customer makes."""
    name: str


class _InviteUser(TypedDict):
    email: str
    """By which the person signs in."""
    role: Literal["viewer", "member", "admin", "operator"]
    """Viewer: look at everything but secrets; member: also change webhooks and event types, retry and
    replay; admin: also keys, users, the gate and the audit log; operator: run the installation,
    which only the platform may give.
    """


class InviteUser(_InviteUser, total=False):
    name: Optional[str]
    """A label for people; the person may choose another when they accept."""


class UpdateUser(TypedDict, total=False):
    name: Optional[str]
    """Null: none."""
    role: Optional[Literal["viewer", "member", "admin"]]


class UpdateSignIn(TypedDict, total=False):
    secondFactor: Optional[List[Literal["viewer", "member", "admin", "operator"]]]
    """Null: none; operator is a role of the installation."""
    passwordLogin: Optional[Literal["on", "admins", "off"]]
    """Of=platform only; null: on."""


class _CreateSignInProvider(TypedDict):
    name: str
    """A part of the addresses that the provider knows; lower-case letters, digits and hyphens; it
    never changes.
    """
    issuer: str
    """The provider's address, exactly as it names itself; Relay reads the rest below
    /.well-known/openid-configuration.
    """
    clientId: str


class CreateSignInProvider(_CreateSignInProvider, total=False):
    label: Optional[str]
    """Null: the name."""
    clientSecret: Optional[str]
    """Null: none, the client is public."""
    scopes: Optional[List[str]]
    """Null: profile and email."""
    roleClaim: Optional[str]
    """Null: roles are read from no claim."""
    roles: Optional[Dict[str, str]]
    """In place of all that there were; null: none."""
    defaultRole: Optional[str]
    """Null: none."""
    allowedDomains: Optional[List[str]]
    """Null: any."""
    autoCreate: Optional[bool]
    linkByEmail: Optional[bool]
    trustEmail: Optional[bool]
    logoutAtProvider: Optional[bool]
    forceRedirect: Optional[bool]


class UpdateSignInProvider(TypedDict, total=False):
    issuer: Optional[str]
    """People are known by issuer and subject: another issuer's are others."""
    clientId: Optional[str]
    label: Optional[str]
    """Null: the name."""
    clientSecret: Optional[str]
    """Null: none, the client is public."""
    scopes: Optional[List[str]]
    """Null: profile and email."""
    roleClaim: Optional[str]
    """Null: roles are read from no claim."""
    roles: Optional[Dict[str, str]]
    """In place of all that there were; null: none."""
    defaultRole: Optional[str]
    """Null: none."""
    allowedDomains: Optional[List[str]]
    """Null: any."""
    autoCreate: Optional[bool]
    linkByEmail: Optional[bool]
    trustEmail: Optional[bool]
    logoutAtProvider: Optional[bool]
    forceRedirect: Optional[bool]


class Login(TypedDict):
    email: str
    password: str


class _LoginByLink(TypedDict):
    token: str
    password: str
    """The password to have from now on, 12 characters or more; to accept an invitation with a password
    at this installation, that one.
    """


class LoginByLink(_LoginByLink, total=False):
    name: Optional[str]
    """How you want to be called in the tenant that has invited you; left out: as the invitation says.
    """


class LoginByCode(TypedDict):
    token: str
    """SecondFactor.token of the answer to the first step."""
    code: str
    """The six digits that the app shows, or a recovery code; each is taken once."""


class _LoginByPasskey(TypedDict):
    credential: Any
    """What navigator.credentials.get answers, in its JSON form (toJSON)."""


class LoginByPasskey(_LoginByPasskey, total=False):
    token: Optional[str]
    """SecondFactor.token of a sign-in that waits: the passkey then takes the place of a code."""


class ConfirmSession(TypedDict, total=False):
    password: Optional[str]
    """Yours; or else a code or a passkey."""
    code: Optional[str]
    """Of the app, or a recovery code; each is taken once."""
    credential: Any
    """The answer of a passkey to getPasskeyOptions."""


class ChangePassword(TypedDict):
    password: str
    """The present one."""
    newPassword: str
    """12 characters or more."""


class AddPasskey(TypedDict):
    name: str
    """By which you tell it from others."""
    credential: Any
    """What navigator.credentials.create answers, in its JSON form (toJSON)."""


class UpdatePasskey(TypedDict):
    name: str


class SetUpSecondFactor(TypedDict, total=False):
    password: Optional[str]
    """Your password; it may be left out within ten minutes after signing in."""


class Code(TypedDict):
    code: str
    """The six digits that the app shows, or a recovery code; each is taken once."""


class _CreateTenant(TypedDict):
    id: str
    """Letters a to z, digits, -, _ and .; it never changes."""


class CreateTenant(_CreateTenant, total=False):
    name: Optional[str]
    """What people call it; left out: as its id."""
    plan: Optional[str]
    """The name of its plan. Default: "unlimited"."""
    limits: Optional[LimitFields]
    """Its own limits, which hold instead of those of the plan."""
    revealSecrets: Optional[bool]
    """Its admins may see the signing secrets of webhooks again. Default: false."""


class LimitFields(TypedDict, total=False):
    webhooks: Optional[int]
    """Null: no limit, or that of the plan."""
    hooks: Optional[int]
    """Null: no limit, or that of the plan."""
    users: Optional[int]
    """Null: no limit, or that of the plan."""
    connectors: Optional[int]
    """Null: no limit, or that of the plan."""
    audiences: Optional[int]
    """Null: no limit, or that of the plan."""
    journeys: Optional[int]
    """Null: no limit, or that of the plan."""
    portalLinks: Optional[int]
    """Null: no limit, or that of the plan."""
    eventsPerSecond: Optional[int]
    """Null: no limit, or that of the plan."""
    eventsPerDay: Optional[int]
    """Null: no limit, or that of the plan."""
    retentionDays: Optional[int]
    """For how many days events, attempts and bodies are kept, at most as many as the installation
    keeps them; null: as many, or as the plan says.
    """


class UpdateTenant(TypedDict, total=False):
    name: Optional[str]
    """What people call it; null: as its id."""
    plan: Optional[str]
    """The name of its plan; null: unlimited. After a change to a smaller plan the tenant keeps what it
    has, and can create and resume nothing that it has too much of.
    """
    limits: Optional[LimitFields]
    """Its own limits, which hold instead of those of the plan; null: it has none."""
    revealSecrets: Optional[bool]
    """Its admins may see the signing secrets of webhooks again; null: they may not."""


class _CreatePlan(TypedDict):
    name: str
    """Letters a to z, digits, -, _ and .; it never changes."""


class CreatePlan(_CreatePlan, total=False):
    limits: LimitFields
    """What is left out has no limit."""


class UpdatePlan(TypedDict, total=False):
    limits: LimitFields
    """Those that are left out stay as they are."""


class RotateEncryption(TypedDict, total=False):
    secretKey: Optional[str]
    """A master key of at least 32 random bytes that encrypts the key file from now on; set
    RELAY_SECRET_KEY to it before the next start. Left out: the one there is, if there is one.
    """


class _PublishedEvent(TypedDict):
    id: str
    type: str
    timestamp: str
    duplicate: bool
    """It was stored before; this is the first result."""


class PublishedEvent(_PublishedEvent, total=False):
    warnings: List[Warning]
    """Problems found in it; left out if there are none."""


class Warning(TypedDict):
    path: str
    message: str
    """Completes the path to a sentence."""


class PublishedEvents(TypedDict):
    accepted: int
    """Stored by this request."""
    duplicates: int
    """Stored before."""
    events: List[PublishedEvent]
    """In the order of the request."""


class Event(TypedDict):
    id: str
    """The id its publisher chose, else Relay's."""
    type: str
    timestamp: str
    """When it happened."""
    acceptedAt: str
    """When Relay stored it."""
    version: Optional[str]
    """Version of the data's shape."""
    key: Optional[str]
    """Ordering key."""
    attributes: Any
    """Extra members, an object or null."""
    data: Any
    """The payload, any JSON value."""
    deliverAt: Optional[str]
    """Delivery is held back until then."""
    causeId: Optional[str]
    """The event this one was derived from."""
    warnings: List[Warning]
    """Problems found when it was published: differences from its type's schema, and derivation rules
    that failed.
    """


class EventDetail(TypedDict):
    id: str
    """The id its publisher chose, else Relay's."""
    type: str
    timestamp: str
    """When it happened."""
    acceptedAt: str
    """When Relay stored it."""
    version: Optional[str]
    """Version of the data's shape."""
    key: Optional[str]
    """Ordering key."""
    attributes: Any
    """Extra members, an object or null."""
    data: Any
    """The payload, any JSON value."""
    deliverAt: Optional[str]
    """Delivery is held back until then."""
    causeId: Optional[str]
    """The event this one was derived from."""
    warnings: List[Warning]
    """Problems found when it was published: differences from its type's schema, and derivation rules
    that failed.
    """
    filterErrors: List[FilterError]
    """Webhooks whose filter, as it is now, cannot be evaluated for this event, which counts as no
    match; at most 100.
    """
    derived: List[DerivedEvent]
    """The events that were derived from it, and from those; causeId tells from which."""


class FilterError(TypedDict):
    webhookId: str
    message: str
    """The part of the filter that fails, and why."""


class DerivedEvent(TypedDict):
    id: str
    type: str
    causeId: str


class Delivery(TypedDict):
    id: str
    """The webhookId in the body that the endpoint receives."""
    eventId: str
    eventType: str
    webhookId: Optional[str]
    """Null when the webhook was deleted."""
    state: str
    attempts: int
    """Made so far."""
    nextAttemptAt: Optional[str]
    reason: Optional[str]
    """Why it is in this state, in words."""


class Explanation(TypedDict):
    webhookId: str
    verdict: str
    """What happened, or why nothing did: it waits for the rate limit or the end of a maintenance
    window, its transform dropped the event, the webhook does not ask for the type, its filter says
    no, it was paused or disabled, was created after the event or has changed since, or the event is
    an operational one that must be asked for by name.
    """
    detail: str
    """The same in a sentence."""
    delivery: Optional[Delivery]


class ResendAnswer(TypedDict):
    deliveries: List[str]
    """Ids of the deliveries that will be attempted again."""


class EventType(TypedDict):
    name: str
    pack: Optional[str]
    """The pack it came with: calls, push, or file for the operator's; null for your own."""
    description: str
    fires: str
    """When such an event is published."""
    version: str
    """Of the schema."""
    versions: List[TypeVersion]
    """All versions of a type of your own, the oldest first."""
    aliases: List[str]
    """Other names; events published under them get the type's name."""
    validation: str
    """What becomes of events that violate the schema: they are not checked, accepted with warnings, or
    refused.
    """
    deprecated: bool
    """May be published still, but should not be used for new work."""
    archived: bool
    """Hidden from lists, and not checked."""
    schema: Any
    """The JSON Schema of the data, or null."""
    attributesSchema: Any
    """That of the attributes, or null."""
    example: Any
    """The data of such an event."""
    exampleAttributes: Any
    """Its attributes, or null."""
    exampleSketch: bool
    """The example was made from a schema too intricate for that, and violates it."""
    unchecked: List[UncheckedPart]
    """Patterns of the schemas that events are not held against."""
    createdAt: Optional[str]
    """When this version was made; null for types of packs."""
    updatedAt: Optional[str]


class TypeVersion(TypedDict):
    version: str
    createdAt: Optional[str]
    updatedAt: Optional[str]


class UncheckedPart(TypedDict):
    path: str
    """A JSON pointer into schema or attributesSchema."""
    reason: str


class ImportedTypes(TypedDict):
    dryRun: bool
    """Nothing was changed."""
    types: List[ImportedType]
    rules: List[str]
    """Names of derivation rules, with the format pack."""


class _ImportedType(TypedDict):
    name: str
    version: str
    outcome: str
    """Skipped: it cannot be a type, for the reason given."""
    unchecked: List[UncheckedPart]
    """Patterns of its schemas that events are not held against."""


class ImportedType(_ImportedType, total=False):
    reason: str
    """Of what was skipped."""


class _EventExample(TypedDict):
    type: str
    data: Any


class EventExample(_EventExample, total=False):
    attributes: Any
    """Left out where the example has none."""


class Catalogue(TypedDict):
    validation: str
    """For every type without a mode of its own; strict also refuses events of types that are not in
    the catalogue.
    """
    types: int
    """How many there are, archived ones among them."""
    rules: int
    """How many derivation rules are on."""


class DerivationRule(TypedDict):
    name: str
    pack: Optional[str]
    """The pack it came with; null for your own."""
    enabled: bool
    description: str
    on: str
    """The type of the events it looks at."""
    when: str
    """Its condition; empty: always."""
    forEach: str
    """A list, for each element of which an event follows; empty: one event follows."""
    type: str
    """The type of the events that follow."""
    data: str
    """Their data."""
    attributes: str
    """Their attributes; empty: none."""
    before: bool
    """They are stored before their cause instead of behind it."""


class _Webhook(TypedDict):
    id: str
    url: str
    description: str
    """A label for people."""
    events: List[str]
    """Event types it wants; * stands for any characters."""
    filter: str
    """An expression that says which of these events it wants; empty: all."""
    transform: str
    """A script that makes the request; empty: the format does."""
    format: str
    """Shape of the body; rest-hook and respondent are for Relay's own."""
    signature: Union[str, SignatureForm, List[Union[str, SignatureForm]]]
    """Headers that sign a request: a name, a SignatureForm, or a list of them."""
    keyPair: bool
    """Requests are also signed with an ed25519 key."""
    publicKey: Optional[str]
    """Verifies the v1a signatures; null: it has no key pair."""
    auth: Auth
    """How requests say who they come from."""
    headers: Dict[str, str]
    """Sent with every request."""
    traceparent: bool
    """The endpoint gets the trace of the event, in the header traceparent."""
    labels: Dict[str, str]
    """What the webhook belongs to, for portal links."""
    retry: Retry
    """When to try again."""
    timeout: str
    """Of an attempt."""
    maxConcurrency: int
    """Attempts under way at a time; 0: Relay adapts it."""
    disableOn: List[int]
    """Status codes that disable the webhook at once."""
    rateLimit: Optional[RateLimit]
    """Attempts that may start in a second; null: no bound."""
    batch: Optional[Batch]
    """Several events share a request; null: each has its own."""
    ordering: str
    """Fifo: strictly in order, per key."""
    maintenance: List[Window]
    """Windows without deliveries."""
    status: str
    """Paused by a person, or disabled by Relay: see health."""
    health: Health
    filterCost: Optional[FilterCost]
    """What the filter has cost the server that answers since it started; null: it has not been
    evaluated.
    """
    createdAt: str
    updatedAt: str
    secretRotatedAt: Optional[str]
    """When the signing secret was last replaced; null: it is the first."""
    previousSecretUntil: Optional[str]
    """The previous secret signs requests as well until then; null: it no longer does."""


class Webhook(_Webhook, total=False):
    secret: str
    """Signs the requests; shown only in the answers to create and rotate-secret."""
    warnings: List[Warning]
    """Problems with its event types, in the answer to a request that sets them; left out if there are
    none.
    """


class SignatureForm(TypedDict):
    header: str
    """The header with the signature."""
    value: str
    """The header's value."""
    content: str
    """The signed text."""
    algorithm: str
    """The hash of the HMAC."""
    encoding: str
    prefix: str
    """Of each signature."""
    separator: str
    """Between two signatures, while a rotation overlaps; empty: there is room for one."""
    key: str
    """The key: the secret's bytes, or those it encodes."""
    idHeader: str
    """A header with the id; empty: none."""
    timestampHeader: str
    """A header with the timestamp; empty: none."""


class _Auth(TypedDict):
    type: str


class Auth(_Auth, total=False):
    username: str
    password: str
    """Always ***."""
    token: str
    """Always ***."""
    header: str
    prefix: str
    clientId: str
    clientSecret: str
    """Always ***."""
    tokenUrl: str
    scope: str
    audience: str
    parameters: Dict[str, str]
    style: str
    cert: str
    key: str
    """Always ***."""


class Retry(TypedDict, total=False):
    preset: str
    """A ready policy; the other members are then left out."""
    attempts: int
    waits: List[str]
    initialWait: Optional[str]
    factor: float
    maxWait: Optional[str]
    maxAge: Optional[str]
    retryOn: List[str]


class RateLimit(TypedDict):
    perSecond: float
    """Attempts a second."""
    burst: int
    """Attempts that may start together."""


class Batch(TypedDict):
    maxEvents: int
    """Events in a request at most."""
    maxWait: str
    """How long the first waits for others."""
    maxBytes: int
    """Of the body at most; a larger event goes alone."""


Window = TypedDict(
    "Window",
    {
        "from": "str",
        "to": "str",
    },
)


class Health(TypedDict):
    failingSince: Optional[str]
    """The first failure after the last success; null: it works."""
    failures: int
    """Failed attempts since then."""
    lastError: Optional[str]
    """The last failure in words."""
    noticedAt: Optional[str]
    """When the event webhook.failing was published about it."""
    disabledAt: Optional[str]
    disabledReason: Optional[str]
    disablesAt: Optional[str]
    """Failures from then on disable the webhook, if no success comes before; null: it works, or is not
    active.
    """
    disableAfter: str
    """The webhook is disabled after failing without a success for this long."""
    authenticationRejected: Optional[Rejection]
    """Set while the endpoint answers 401 or 403; cleared by the next success or a change of auth.
    """


class Rejection(TypedDict):
    since: str
    """The first such answer."""
    count: int
    """Such answers since then."""
    reason: str


class FilterCost(TypedDict):
    evaluations: int
    totalMs: float
    """Time of all of them, in milliseconds."""
    meanUs: float
    """Time of one, in microseconds."""
    postponed: int
    """Evaluations that take too long to be made while events are routed: they wait their turn, and so
    do their deliveries.
    """


class TestAnswer(TypedDict):
    attempt: Attempt


class Attempt(TypedDict):
    id: str
    deliveryId: str
    eventId: str
    eventType: str
    webhookId: Optional[str]
    """Null when the webhook was deleted."""
    number: int
    """1 for the first attempt of the delivery."""
    at: str
    """When it began."""
    outcome: str
    test: bool
    """Made by the call test."""
    error: Optional[AttemptError]
    request: SentRequest
    response: Optional[Response]
    """Null when no answer came."""
    timing: Timing
    nextAttemptAt: Optional[str]
    batch: Optional[AttemptBatch]
    """The batch that shared the request; null: a single delivery. The other members are about its
    first delivery, or the one asked for.
    """


class AttemptError(TypedDict):
    kind: str
    """One of a closed set: status for an unwelcome answer, else what went wrong on the way."""
    message: str


class SentRequest(TypedDict):
    method: str
    url: str
    headers: Dict[str, str]
    """Fields of the same name are joined by commas."""
    body: Optional[str]
    """Null: see bodyMissing."""
    bodyMissing: Optional[str]
    """Why body is null, in words; null: body is what was sent."""


class Response(TypedDict):
    status: int
    headers: Dict[str, str]
    body: str
    """The first 64 KiB, as bodyEncoding says."""
    bodyEncoding: str
    """Base64 where body is binary or compressed; in a text, bytes that are not UTF-8 are shown as
    U+FFFD.
    """
    bodyError: Optional[str]
    """Why the rest of the body is missing, though the answer counts; null: it is complete."""
    bodyBytes: int
    """How many bytes of it were read."""
    truncated: bool
    """The answer was longer than body."""


class Timing(TypedDict):
    dnsMs: float
    connectMs: float
    tlsMs: float
    firstByteMs: float
    totalMs: float


class AttemptBatch(TypedDict):
    id: str
    """The X-Relay-Delivery of the request, the same in each attempt of the batch."""
    events: int
    """How many events it had."""
    deliveries: List[BatchItem]
    """In the order of the body; empty in lists, where the request's body is null."""


class BatchItem(TypedDict):
    deliveryId: str
    eventId: str
    eventType: Optional[str]
    """Null when the event is no longer stored."""


class PreviewedEvent(TypedDict):
    eventId: Optional[str]
    """Null for one that was given without an id."""
    eventType: str
    verdict: str
    """What would happen: it would be sent; the webhook does not ask for the type; the filter says no,
    or cannot be evaluated; the transform drops it, or fails; or time ran out before it was tried.
    """
    detail: str
    """The same in a sentence."""
    error: Optional[PreviewError]
    """Of a filter or transform that fails."""
    request: Optional[Preview]
    """The first attempt's request; null: none would be made."""


class PreviewError(TypedDict):
    kind: str
    message: str
    line: Optional[int]
    """Of the transform, where there is one to blame."""


class Preview(TypedDict):
    method: str
    url: str
    headers: Dict[str, str]
    """With signatures and credentials masked."""
    body: str
    """The first 64 KiB."""
    bodyBytes: int
    """The length of the whole body."""
    truncated: bool
    """The whole body is longer than body."""


class RevealedSecret(TypedDict):
    secret: str
    """Signs the requests."""
    previousSecret: Optional[str]
    """Signs requests as well until previousSecretUntil; null: none does."""
    previousSecretUntil: Optional[str]
    """Null: there is no previous secret."""


class Job(TypedDict):
    id: str
    kind: str
    webhookId: Optional[str]
    """Null when the webhook was deleted."""
    state: str
    since: str
    until: str
    """The moment it was asked for."""
    scanned: int
    """Events or failures looked at so far."""
    deliveries: int
    """Deliveries asked for so far."""
    progress: float
    """How much of the time from since to until is done, 0 to 1."""
    error: Optional[str]
    """Why it failed."""
    createdAt: str
    finishedAt: Optional[str]


class _Hook(TypedDict):
    id: str
    targetUrl: str
    """As the subscriber gave it."""
    event: str
    """The event type, the first of several; * stands for any characters."""
    events: List[str]
    filter: str
    """An expression that says which of these events it wants; empty: all."""
    status: str
    """Disabled by Relay, or ended: see why."""
    platform: str
    """The platform that the target's address tells of, else its host."""
    why: Optional[str]
    """Why it gets no events, or may soon get none; null: it works."""
    createdBy: HookActor
    createdAt: str
    ended: Optional[HookEnd]
    """How it ended; null: it has not."""
    inactiveThereSince: Optional[str]
    """Set while the target answers 404, at least five times in a row: the workflow there is not
    active.
    """
    expiration_date: Optional[str]
    """Always null: it does not expire."""


class Hook(_Hook, total=False):
    secret: str
    """Signs the requests; shown only to the key that created it, in the answer to its creation."""


class HookActor(TypedDict):
    kind: str
    id: str
    """Of the key or the user."""
    name: str
    """At the time."""


class HookEnd(TypedDict):
    at: str
    cause: str
    """Unsubscribed with a key, gone (its target answered 410), or removed by a person."""
    by: HookActor
    restorableUntil: str
    """From then on it is no longer listed."""


class HookDeleted(TypedDict):
    id: str
    deleted: bool


class HookAccount(TypedDict):
    id: str
    """Of the tenant."""
    tenant: str
    """The tenant's name."""
    key: str
    """The key's name."""
    label: str
    """Both."""


class HookEvent(TypedDict):
    key: str
    """The value of event."""
    label: str
    description: str


class LogView(TypedDict):
    id: str
    name: str
    shared: bool
    """With everybody in the tenant; false: it is your own."""
    filter: LogViewFilter
    createdBy: str
    """The name of whoever saved it, at the time."""
    createdAt: str


class LogViewFilter(TypedDict):
    status: Optional[str]
    code: Optional[str]
    errorKind: Optional[str]
    eventType: Optional[str]
    webhookId: Optional[str]
    """It may have been deleted since."""
    within: Optional[str]
    """How far back, as seen from the moment of reading."""


class Campaign(TypedDict):
    id: int
    name: str
    """A label for people; empty for one that came into being with its first respondent."""
    respondents: int
    """How many are stored in it."""
    createdAt: str
    updatedAt: str


class ReceivedRespondent(TypedDict):
    id: str
    campaignId: int
    integration: Optional[str]
    """The integration it came by; null: it was added directly."""
    state: str
    """Stored: in the campaign. pending: on its way to the gate's endpoint. held: the endpoint could
    not be asked. rejected, discarded, forwarded: not in the campaign; kept as long as the log.
    """
    reason: Optional[str]
    """Why it is in this state, in words."""
    respondent: Any
    """As received, or as the gate's endpoint changed it."""
    note: Any
    employee: Any
    sender: Any
    doNotContact: bool
    """Relay must not contact this person."""
    custom: Any
    extra: Any
    """Members of the payload that are not documented; null: none."""
    warnings: List[ContactWarning]
    """Problems with the contact data."""
    createdAt: str
    decidedAt: Optional[str]
    """When it got its state; null while it is pending for the first time."""
    duplicate: bool
    """It was received before; this is how it stands now."""


class ContactWarning(TypedDict):
    field: str
    reason: str


class Respondent(TypedDict):
    id: str
    campaignId: int
    integration: Optional[str]
    """The integration it came by; null: it was added directly."""
    state: str
    """Stored: in the campaign. pending: on its way to the gate's endpoint. held: the endpoint could
    not be asked. rejected, discarded, forwarded: not in the campaign; kept as long as the log.
    """
    reason: Optional[str]
    """Why it is in this state, in words."""
    respondent: Any
    """As received, or as the gate's endpoint changed it."""
    note: Any
    employee: Any
    sender: Any
    doNotContact: bool
    """Relay must not contact this person."""
    custom: Any
    extra: Any
    """Members of the payload that are not documented; null: none."""
    warnings: List[ContactWarning]
    """Problems with the contact data."""
    createdAt: str
    decidedAt: Optional[str]
    """When it got its state; null while it is pending for the first time."""


class EraseAnswer(TypedDict):
    erased: int
    """Respondents that were erased."""
    warnings: List[Warning]
    """Of a number or an address that may not find every record of its person, as it is none that can
    be compared with certainty.
    """


class GateSettings(TypedDict):
    enabled: bool
    """Off: respondents are stored in their campaigns at once."""
    url: Optional[str]
    """The endpoint; null: none was set yet."""
    auth: Auth
    """How requests say who they come from."""
    integrations: List[str]
    """Those whose respondents go through the gate."""
    mode: str
    """Forward hands respondents over, and the endpoint adds whom it wants; decide has it answer whom
    Relay stores.
    """
    deadline: str
    """How long an integration's call waits for the verdict in mode decide; 0s: not at all."""
    onFailure: str
    """What becomes of respondents about whom the endpoint could not be asked."""
    timeout: str
    """Of an attempt."""
    retry: Retry
    """When to try again."""
    health: Optional[Health]
    """How the endpoint answers; null: there is none. The gate is never disabled by itself:
    disableAfter is 0s.
    """
    pending: int
    """Respondents on their way to the endpoint; counted up to 10000."""
    held: int
    """Respondents that a person must decide about; counted up to 10000."""
    updatedAt: Optional[str]


class Integration(TypedDict):
    name: str
    description: str
    builtIn: bool
    """It ships with Relay."""
    createdAt: Optional[str]
    """Null: it ships with Relay."""


class Connector(TypedDict):
    connector: str
    """Its name in addresses."""
    version: str
    origin: str
    """Standard: it ships with Relay."""
    state: str
    """Testing sends to test profiles only; no new connections are made with a retired one."""
    kind: str
    """List: what counts is that the partner ends up with the right members; message: each send is an
    act of its own.
    """
    name: str
    logo: Optional[str]
    description: str
    docs: Optional[str]
    """Where the partner describes its API."""
    partnerNumber: int
    """The type of identifier that it sends."""
    categories: List[str]
    capabilities: List[str]
    """Of add, update, remove, message, forget, segments and check."""
    checkedAgainst: Optional[str]
    """What the definition was compared with, and when."""
    authentication: str
    fields: List[ConnectorField]
    """What a connection gives."""
    externalId: ExternalIDRule
    """Whether the free text External ID is used, which names the segment or event at the partner.
    """
    request: ConnectorRequest
    """What the people who asked for it have told."""
    plan: List[PlanStep]
    """What people check before it goes live."""
    problems: List[str]
    """What a draft lacks."""
    updatedAt: Optional[str]
    """Null: it ships with Relay."""


class ConnectorField(TypedDict):
    name: str
    title: str
    help: str
    type: str
    secret: bool
    """It is stored encrypted and never shown."""
    optional: bool
    enum: List[str]
    default: Optional[str]
    pattern: Optional[str]


class ExternalIDRule(TypedDict):
    use: str
    """Required: leaving it blank is an error."""
    help: str
    pattern: Optional[str]
    maxBytes: int


class ConnectorRequest(TypedDict):
    apiDocs: str
    contact: str
    useCase: str
    dueDate: str


class PlanStep(TypedDict):
    step: str
    done: bool
    by: Optional[str]
    at: Optional[str]
    evidence: Optional[str]


class ConnectorDocument(TypedDict):
    connector: str
    """Its name in addresses."""
    version: str
    origin: str
    """Standard: it ships with Relay."""
    state: str
    """Testing sends to test profiles only; no new connections are made with a retired one."""
    kind: str
    """List: what counts is that the partner ends up with the right members; message: each send is an
    act of its own.
    """
    name: str
    logo: Optional[str]
    description: str
    docs: Optional[str]
    """Where the partner describes its API."""
    partnerNumber: int
    """The type of identifier that it sends."""
    categories: List[str]
    capabilities: List[str]
    """Of add, update, remove, message, forget, segments and check."""
    checkedAgainst: Optional[str]
    """What the definition was compared with, and when."""
    authentication: str
    fields: List[ConnectorField]
    """What a connection gives."""
    externalId: ExternalIDRule
    """Whether the free text External ID is used, which names the segment or event at the partner.
    """
    request: ConnectorRequest
    """What the people who asked for it have told."""
    plan: List[PlanStep]
    """What people check before it goes live."""
    problems: List[str]
    """What a draft lacks."""
    updatedAt: Optional[str]
    """Null: it ships with Relay."""
    document: str
    """The definition, in YAML or JSON, as it was given."""


class ConnectorCheck(TypedDict):
    valid: bool
    """It can be read as a whole."""
    problems: List[ConnectorProblem]
    tests: List[ConnectorTestResult]


class ConnectorProblem(TypedDict):
    line: int
    column: int
    path: str
    reason: str
    missing: bool
    """It is not there yet, which a draft may do without."""


class ConnectorTestResult(TypedDict):
    name: str
    passed: bool
    reason: Optional[str]
    """Why it failed."""


class ConnectorTrial(TypedDict):
    payload: Any
    """What the connector receives."""
    skipped: Optional[str]
    """Why nothing is sent, such as the connector's filter; null: it is."""
    item: Any
    """The profile's entry, after filter and transform; null: it did not come so far."""
    request: Optional[TriedRequest]
    """The request, credentials masked; null: it did not come so far."""
    attempt: Optional[Attempt]
    """What came of sending it; null: it was not sent."""


class TriedRequest(TypedDict):
    method: str
    url: str
    headers: Dict[str, str]
    body: str


class Connection(TypedDict):
    id: str
    connector: str
    version: str
    """Of the connector."""
    name: str
    partnerNumber: int
    """The type of identifier that is sent: the connector's, or this connection's own."""
    siteNumber: int
    """Specific to your organization; part of each payload."""
    fields: Dict[str, str]
    """Secret ones are shown as ***."""
    createdAt: str
    updatedAt: str


class Segments(TypedDict):
    data: List[Segment]
    fetchedAt: Optional[str]
    """Null: they could not be fetched yet."""
    problem: Optional[str]
    """Why fetching them has failed, or why the list is not whole; the last list stays."""


class Segment(TypedDict):
    id: str
    """What an attachment takes as its External ID."""
    name: str


class Profile(TypedDict):
    profileId: str
    sourceId: str
    partnerIds: Dict[str, List[str]]
    """Identifiers by partner number."""
    variables: Any
    test: bool
    """Connectors in testing send it."""
    doNotContact: bool
    """Nothing but its removal is sent."""
    consent: Dict[str, Consent]
    """By purpose."""
    createdAt: str
    updatedAt: str


class Consent(TypedDict):
    state: str
    at: Optional[str]
    """When, if it was told."""
    proof: str
    """Where it is written down."""


class Audience(TypedDict):
    number: int
    """Relay42AudienceNumber of the payload."""
    name: str
    data: Any
    """Part of each payload."""
    attachments: List[Attachment]
    createdAt: str
    updatedAt: str


class Attachment(TypedDict):
    id: str
    connection: str
    externalId: str
    """The segment or event at the partner, byte for byte."""
    onUpdate: bool
    """The partner is told of changes of members, too."""
    paused: bool
    consentPurpose: str
    """Empty; else only profiles that have granted it are sent."""
    detaching: str
    """Empty; else it is being detached: remove (its members are removed at the partner first) or keep.
    """


class AttachmentCounts(TypedDict):
    states: Dict[str, int]
    """By state, as in the list of profiles."""


class AttachmentProfile(TypedDict):
    profileId: str
    state: str
    """PendingAdd, pendingUpdate, pendingRemove, sending, synced, rejected, skipped, suppressed or
    kept; empty: it is not there, and not wanted there.
    """
    wanted: bool
    sent: bool
    """The partner has it."""
    reason: Optional[str]
    """Why it was rejected or skipped, in the partner's words."""
    at: Optional[str]


class ProfileExplanation(TypedDict):
    memberSince: Optional[str]
    """Null: it is not in the audience."""
    state: str
    """As in the list of profiles."""
    wanted: bool
    sent: bool
    """The partner has it."""
    at: Optional[str]
    reasons: List[str]
    """Sentences, the most important first."""


class Member(TypedDict):
    profileId: str
    since: str


class Import(TypedDict):
    id: str
    mode: str
    state: str
    """Open: it takes rows."""
    rows: int
    rejected: int
    """Rows that are left out, see its rejected rows."""
    added: int
    """Profiles that enter; of an open import as of now, else as of its start."""
    removed: int
    """Members that leave."""
    unchanged: int
    """Members that stay."""
    done: int
    """How many of the steps in total are done."""
    total: int
    error: Optional[str]
    createdAt: str
    updatedAt: str


class RejectedRow(TypedDict):
    line: int
    reason: str


class Journey(TypedDict):
    number: int
    """Relay42AudienceNumber of the payload."""
    name: str
    mode: str
    """Paused: nobody goes on; draining: nobody enters; stopped: everybody was taken out."""
    version: int
    """Of those who enter."""
    versions: List[JourneyVersion]
    """Those that somebody may be inside of, the oldest first."""
    createdAt: str
    updatedAt: str


class JourneyVersion(TypedDict):
    version: int
    publishedAt: str


class JourneyDetail(TypedDict):
    number: int
    """Relay42AudienceNumber of the payload."""
    name: str
    mode: str
    """Paused: nobody goes on; draining: nobody enters; stopped: everybody was taken out."""
    version: int
    """Of those who enter."""
    versions: List[JourneyVersion]
    """Those that somebody may be inside of, the oldest first."""
    createdAt: str
    updatedAt: str
    document: str
    """Of the current version, as it was given."""
    places: List[JourneyPlace]
    """Where those stand who are inside."""
    done: int
    """How many came to the end, as far as it is remembered."""
    exited: int
    """How many were taken out, as far as it is remembered."""


class JourneyPlace(TypedDict):
    version: int
    step: str
    state: str
    count: int


class DryRunResult(TypedDict):
    runs: List[DryRunWalk]
    """One for each time that the profile entered; empty: it did not."""


class DryRunWalk(TypedDict):
    state: str
    step: Optional[str]
    """Where it is at the end of the run; null: at the end."""
    due: Optional[str]
    words: Optional[str]
    """Why it failed or ended."""
    steps: List[EnrolmentStep]
    """Those it has taken, in order."""
    sends: List[DrySend]
    """What would have been sent."""


class EnrolmentStep(TypedDict):
    at: str
    step: str
    kind: str
    """Of the step, or enter, exit, move, retry or fail."""
    words: str
    """What it came to."""


class DrySend(TypedDict):
    step: str
    connection: str
    operation: str
    state: str
    words: Optional[str]
    at: str
    payload: Any
    """What the connector gets; null: nothing."""


class JourneyMove(TypedDict):
    version: int
    """The current one, which they go to."""
    moved: int
    """0 in a preview."""
    places: List[JourneyMovePlace]


class JourneyMovePlace(TypedDict):
    version: int
    step: str
    state: str
    count: int
    to: Optional[str]
    """The step, or end; null: steps must say it."""


class RetriedEnrolments(TypedDict):
    retried: int


class Enrolment(TypedDict):
    id: str
    journey: int
    version: int
    profileId: str
    key: str
    """Tells the runs of a profile apart."""
    entry: str
    """The event that started it, or the audience."""
    state: str
    step: Optional[str]
    """The one to be taken next, or where it waits; null: the end."""
    due: Optional[str]
    """When it goes on by itself."""
    words: Optional[str]
    """Why it failed or ended."""
    createdAt: str
    updatedAt: str
    endedAt: Optional[str]


class EnrolmentDetail(TypedDict):
    id: str
    journey: int
    version: int
    profileId: str
    key: str
    """Tells the runs of a profile apart."""
    entry: str
    """The event that started it, or the audience."""
    state: str
    step: Optional[str]
    """The one to be taken next, or where it waits; null: the end."""
    due: Optional[str]
    """When it goes on by itself."""
    words: Optional[str]
    """Why it failed or ended."""
    createdAt: str
    updatedAt: str
    endedAt: Optional[str]
    steps: List[EnrolmentStep]
    """Those it has taken, in order."""
    sends: List[JourneySend]


class JourneySend(TypedDict):
    id: str
    """The same in each attempt."""
    step: str
    connection: str
    operation: str
    state: str
    words: Optional[str]
    """Why it was not delivered."""
    at: str


class AuditEntry(TypedDict):
    id: str
    at: str
    actor: AuditActor
    action: str
    target: Optional[str]
    """The id of the changed object; null where a tenant has only one, such as the gate."""
    targets: List[AuditTarget]
    """Everything the change was about, the most important first."""
    before: Any
    """The object before; null: it did not exist, or only secrets have changed."""
    after: Any
    """The object after the change."""
    request: AuditRequest


class AuditActor(TypedDict):
    kind: str
    """User: a person who has signed in; portal: somebody who has opened a portal link; system: Relay
    itself, such as when it disables a webhook; anonymous: somebody whose sign-in has failed.
    """
    id: str
    """Of the key, the user or the portal link; empty for the others."""
    keyId: str
    """The id again if it is a key's, else empty."""
    name: str
    """The label of the key, or the user's name, at the time; of a portal link its user, with the id
    that the link gave.
    """


class AuditTarget(TypedDict):
    type: str
    id: str
    name: str
    """Its label or description at the time."""


class AuditRequest(TypedDict):
    id: str
    """As in the answer's header X-Request-Id."""
    address: str
    """Where it came from."""
    userAgent: str


Stats = TypedDict(
    "Stats",
    {
        # Null: all webhooks summed.
        "webhookId": "Optional[str]",
        "from": "str",
        "to": "str",
        "step": "str",
        # Steps without attempts are left out.
        "points": "List[StatsPoint]",
        "totals": "StatsTotals",
    },
)


class StatsPoint(TypedDict):
    at: str
    """When the step begins."""
    delivered: int
    retrying: int
    failed: int
    averageMs: float
    """Mean duration of an attempt."""
    maxMs: int
    """Longest duration of an attempt."""


class StatsTotals(TypedDict):
    delivered: int
    retrying: int
    failed: int
    averageMs: float
    """Mean duration of an attempt."""
    maxMs: int
    """Longest duration of an attempt."""


Breakdown = TypedDict(
    "Breakdown",
    {
        # The beginning of the first hour that is counted.
        "from": "str",
        # The end of the last.
        "to": "str",
        "totals": "BreakdownCounts",
        # Events that were accepted, those derived by rules included.
        "received": "int",
        # The same by type of the event, the most frequent first.
        "receivedByType": "List[NamedCount]",
        # With each: those with attempts, in the order in which they were made.
        "webhooks": "List[WebhookBreakdown]",
    },
)


class BreakdownCounts(TypedDict):
    attempts: int
    byStatus: List[NamedCount]
    """By class of the status, such as 2xx; none: without an answer."""
    byError: List[NamedCount]
    """Those that failed, by errorKind."""
    byEventType: List[NamedCount]
    """By type of the event; *: all beyond the 200 of an hour that are counted apart."""
    p50Ms: float
    """Half of the attempts were faster; from histograms, and so within the bounds of a bucket."""
    p95Ms: float
    """95 of 100 were faster."""
    p99Ms: float
    """99 of 100 were faster."""


class NamedCount(TypedDict):
    name: str
    count: int


class WebhookBreakdown(TypedDict):
    webhookId: str
    attempts: int
    byStatus: List[NamedCount]
    """By class of the status, such as 2xx; none: without an answer."""
    byError: List[NamedCount]
    """Those that failed, by errorKind."""
    byEventType: List[NamedCount]
    """By type of the event; *: all beyond the 200 of an hour that are counted apart."""
    p50Ms: float
    """Half of the attempts were faster; from histograms, and so within the bounds of a bucket."""
    p95Ms: float
    """95 of 100 were faster."""
    p99Ms: float
    """99 of 100 were faster."""


class Backlog(TypedDict):
    waiting: int
    """Deliveries that wait for their time or turn, or are being attempted again; on PostgreSQL at most
    10,000 of a webhook are counted.
    """
    held: int
    """Deliveries that wait until their webhook, or the tenant, is resumed."""
    oldestDueAt: Optional[str]
    """Since when the one that is due for the longest has been due; null: none is due."""
    nextDueAt: Optional[str]
    """When the next one becomes due; null: none will."""
    webhooks: List[WebhookBacklog]
    """Those for which something waits, in the order in which they were made."""


class WebhookBacklog(TypedDict):
    webhookId: str
    waiting: int
    """Deliveries that wait for their time or turn, or are being attempted again; on PostgreSQL at most
    10,000 of a webhook are counted.
    """
    held: int
    """Deliveries that wait until their webhook, or the tenant, is resumed."""
    oldestDueAt: Optional[str]
    """Since when the one that is due for the longest has been due; null: none is due."""
    nextDueAt: Optional[str]
    """When the next one becomes due; null: none will."""


class EgressIPs(TypedDict):
    ips: List[str]
    """Addresses and networks, in the form of CIDR; empty when the operator has not stated them."""


class Whoami(TypedDict):
    tenant: str
    """The tenant that they act for."""
    kind: str
    """How they have shown who they are."""
    id: str
    """Of the key or the user."""
    name: str
    """Of the key or the user."""
    scopes: List[str]
    """The scopes whose calls they may make."""


class _Key(TypedDict):
    id: str
    name: str
    scopes: List[str]
    limits: Optional[KeyLimits]
    """What the scope publish is limited to; null: everything may be published."""
    hint: str
    """The key's first characters."""
    createdAt: str
    expiresAt: Optional[str]
    revokedAt: Optional[str]
    lastUse: Optional[KeyUse]
    """Null: it has not been used; other servers' requests are known after a minute."""


class Key(_Key, total=False):
    key: str
    """The key itself; shown only in the answers to create and replace."""


class KeyLimits(TypedDict):
    types: List[str]
    """Event types that the key may publish, in which * stands for any characters; empty: none."""
    integrations: List[str]
    """Integrations by which the key may send respondents; none: it may add them directly; *: both, and
    by every integration; empty: it may send none.
    """


class KeyUse(TypedDict):
    at: str
    """Exact to a minute."""
    address: str
    """Where the last request came from whose address was noted, which is not done for events published
    on the fast path; empty: none was.
    """


class Portal(TypedDict):
    id: str
    """Stands in the portal's addresses."""
    name: str
    logo: str
    """As a data: address; empty: none."""
    theme: PortalTheme
    start: str
    """The page that is shown first."""
    hideNavigation: bool
    noGutters: bool
    words: Dict[str, str]
    embedOrigins: List[str]
    refreshUrl: str


class PortalTheme(TypedDict):
    accent: str
    """Of links and buttons. It is made darker or lighter until text has a contrast of 4.5 to 1."""
    radius: int
    """Of corners, in pixels."""
    font: str
    theme: str
    """Auto: as the customer's system."""
    language: str


class PortalWord(TypedDict):
    phrase: str
    """In English, as words names it."""
    word: str
    """In the language, before words of your own."""


class _PortalLink(TypedDict):
    id: str
    expiresAt: str
    """Until then it can be opened, 20 times at most."""
    capabilities: List[str]
    webhooks: List[str]
    eventTypes: List[str]
    filter: str
    user: PortalUser
    sessionId: str
    opens: int
    """How often it was opened."""
    createdAt: str


class PortalLink(_PortalLink, total=False):
    url: str
    """For a frame or a tab; shown this once. The key is behind the #, which browsers send to nobody.
    """


class PortalUser(TypedDict):
    id: str
    """The audit log has it with every change the customer makes."""
    name: str


class _User(TypedDict):
    id: str
    email: str
    name: str
    role: str
    state: str
    """Invited: the invitation has not been accepted yet; disabled: the person may do nothing here
    until they are enabled again.
    """
    createdAt: str
    """When they were invited."""
    seenAt: Optional[str]
    """Their last request in this tenant, to the minute; null: none yet."""
    secondFactor: bool
    """They prove a second factor when they sign in."""


class User(_User, total=False):
    link: Optional[LinkToken]
    """The right to sign in once, for the person; shown only in the answers to the calls that make it.
    """


class LinkToken(TypedDict):
    token: str
    """Hand it to the person over a channel that you trust; see signInByLink."""
    expiresAt: str


class _SignIn(TypedDict):
    secondFactor: List[str]
    """The roles that need a second factor: whoever has none may set it up, and do nothing else."""


class SignIn(_SignIn, total=False):
    passwordLogin: str
    """Of=platform only: who signs in at Relay itself, by password; off: nobody but by a login link.
    """


class SignInProvider(TypedDict):
    name: str
    label: str
    """What the login page calls it."""
    issuer: str
    clientId: str
    clientSecret: str
    """*** if there is one; it is never shown."""
    scopes: List[str]
    """Beside openid."""
    roleClaim: str
    """Where roles are read from: a claim, or names with dots that lead into objects."""
    roles: Dict[str, str]
    """Values of the claim, and the role that each stands for: viewer, member, admin, with @ and a
    tenant unless it is the first one; or operator.
    """
    defaultRole: str
    """For people with none of these values; empty: they are refused, unless they were invited."""
    allowedDomains: List[str]
    """Of the e-mail addresses that may sign in; empty: any."""
    autoCreate: bool
    """Signing in makes an account for somebody who has none."""
    linkByEmail: bool
    """Somebody whose verified e-mail address has an account gets it; this accepts their invitations.
    """
    trustEmail: bool
    """E-mail addresses count as verified if the provider says nothing about that, as Entra ID does.
    """
    logoutAtProvider: bool
    """Signing out signs out at the provider, too."""
    forceRedirect: bool
    """The login page leads to the provider at once, if it is the only one."""
    redirectPath: str
    """Register publicUrl with this path at the provider as the address to come back to."""
    backChannelPath: str
    """Likewise, where the provider tells of logouts (OpenID Connect Back-Channel Logout)."""
    createdAt: str
    updatedAt: str


class _Account(TypedDict):
    id: str
    email: str
    tenants: List[Membership]
    """Where they may act, the first one without the header Relay-Tenant."""
    operator: bool
    """They run the installation, and may act in every tenant."""
    session: Optional[Session]


class Account(_Account, total=False):
    secondFactor: Optional[Waiting]
    """The sign-in waits for the second factor: there is no session yet, and tenants are not listed.
    """


class Membership(TypedDict):
    id: str
    """For the header Relay-Tenant."""
    name: str
    """How the person is called there."""
    role: str


class _Session(TypedDict):
    id: str
    current: bool
    """By which this call is made."""
    method: str
    createdAt: str
    seenAt: str
    """The last request, to the minute; a session that is not used for 12 hours ends."""
    expiresAt: str
    """When it ends even if it is in use."""
    address: str
    """From where the person signed in."""
    userAgent: str
    """By which browser."""


class Session(_Session, total=False):
    provider: str
    """The identity provider by which the session began."""


class Waiting(TypedDict):
    token: str
    """For signInByCode."""
    expiresAt: str
    """Until when it waits."""


class PasskeyOptions(TypedDict):
    publicKey: Any
    """In the JSON form of WebAuthn level 3: for PublicKeyCredential.parseRequestOptionsFromJSON or
    parseCreationOptionsFromJSON.
    """


class Passkey(TypedDict):
    id: str
    name: str
    site: str
    """The name of the site that it belongs to; at other names it does not work."""
    synced: bool
    """It may be on several devices of its owner."""
    createdAt: str
    lastUsedAt: Optional[str]
    """Null: not yet."""


class SecondFactor(TypedDict):
    enabled: bool
    """It is asked for at each sign-in."""
    enabledAt: Optional[str]
    """Null: it is not enabled."""
    recoveryCodes: int
    """How many are left."""


class SecondFactorSetup(TypedDict):
    secret: str
    """In base32, to type into the app."""
    uri: str
    """The same with all that belongs to it, as QR codes hold it."""


class RecoveryCodes(TypedDict):
    recoveryCodes: List[str]
    """Shown once; each is taken once in place of a code of the app."""


class Tenant(TypedDict):
    id: str
    """For the header Relay-Tenant."""
    name: str
    """What people call it."""
    plan: str
    """The name of its plan."""
    limits: Limits
    """Its own limits, which hold instead of those of the plan; null: that of the plan."""
    revealSecrets: bool
    """Its admins may see the signing secrets of webhooks again."""
    state: str
    """Suspended: it takes no events and no changes, its deliveries wait, and it can be looked at;
    deleted: as suspended, and only for those who run the installation.
    """
    usage: TenantUsage
    createdAt: str
    updatedAt: Optional[str]
    """The last change; null: none."""
    suspendedAt: Optional[str]
    """Null unless it is suspended."""
    deletedAt: Optional[str]
    """Null unless it is deleted."""
    eraseAt: Optional[str]
    """When all data of a deleted tenant are removed; it can be restored until then."""


class Limits(TypedDict):
    webhooks: Optional[int]
    """Paused and disabled ones included; null: no limit."""
    hooks: Optional[int]
    """REST hooks, which are counted apart from webhooks; null: no limit."""
    users: Optional[int]
    """Invited and disabled ones included; null: no limit."""
    connectors: Optional[int]
    """Custom connectors; the versions of one count once; null: no limit."""
    audiences: Optional[int]
    """Null: no limit."""
    journeys: Optional[int]
    """Null: no limit."""
    portalLinks: Optional[int]
    """Links into the portal that can still be opened; null: no limit."""
    eventsPerSecond: Optional[int]
    """Events published in a second; null: no limit."""
    eventsPerDay: Optional[int]
    """Events published on a day, from midnight to midnight UTC; null: no limit."""
    retentionDays: Optional[int]
    """For how many days events, attempts and bodies are kept; null: as long as the installation keeps
    them.
    """


class TenantUsage(TypedDict):
    hooks: int
    """REST hooks."""
    webhooks: int
    """Paused and disabled ones included."""
    keys: int
    """Revoked and expired ones included."""


class Plan(TypedDict):
    name: str
    limits: Limits
    shipped: bool
    """It comes with Relay, and can be changed but not deleted."""
    changed: bool
    """A plan that comes with Relay is not as it was shipped; deleting it makes it so again."""


class Usage(TypedDict):
    plan: str
    limits: List[LimitUsage]


class LimitUsage(TypedDict):
    limit: str
    allowed: Optional[int]
    """Null: no limit."""
    used: Optional[int]
    """May be more than allowed after a change to a smaller plan; null: a rate without a limit is not
    counted.
    """


class RotatedEncryption(TypedDict):
    webhooks: int
    """Webhooks and other configuration whose secrets were sealed with the new key."""


class Probe(TypedDict):
    status: str


class OpenAPIDocument(TypedDict):
    openapi: str
    info: Any
    paths: Any

# Code generated from the OpenAPI document by internal/clientgen. DO NOT EDIT.
from __future__ import annotations

from typing import Any, Dict, Iterator, List, Literal, Optional, Union

from . import types as t
from ._transport import Answer, Page, Transport, segment
from ._values import Duration, Timestamp


class Operations(Transport):
    """A method for each operation of the API, with the operation's name in snake case."""

    def list_events(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        type: Optional[str] = None,
        key: Optional[str] = None,
        text: Optional[str] = None,
        since: Optional[Timestamp] = None,
        until: Optional[Timestamp] = None,
    ) -> Iterator[t.Event]:
        """List events: `GET /v1/events`.

        The newest first. A search that matches rarely may answer a short or empty page with a
        `nextCursor`: go on from there; `searchedTo` says how far it came.

        Needs the scope `read`.
        """
        return self._entries(lambda at: self.list_events_page(limit=limit, type=type, key=key, text=text, since=since, until=until, cursor=at), cursor)

    def list_events_page(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        type: Optional[str] = None,
        key: Optional[str] = None,
        text: Optional[str] = None,
        since: Optional[Timestamp] = None,
        until: Optional[Timestamp] = None,
    ) -> Page[t.Event]:
        """One page of list_events, for callers who keep the cursor by themselves."""
        return self._page("GET", "/v1/events", query={"cursor": cursor, "limit": limit, "type": type, "key": key, "text": text, "since": since, "until": until})

    def get_event(self, id: str) -> t.EventDetail:
        """Get an event: `GET /v1/events/{id}`.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/events/{segment(id)}")

    def list_event_deliveries(self, id: str) -> List[t.Delivery]:
        """List an event's deliveries: `GET /v1/events/{id}/deliveries`.

        One for each webhook the event was owed to. The list is never paged.

        Needs the scope `read`.
        """
        return self._list("GET", f"/v1/events/{segment(id)}/deliveries")

    def explain_event(self, id: str, *, webhook_id: Optional[str] = None) -> List[t.Explanation]:
        """Explain what became of an event: `GET /v1/events/{id}/explain`.

        For every webhook, or the one asked for: delivered, still waiting, or why not.

        Needs the scope `read`.
        """
        return self._list("GET", f"/v1/events/{segment(id)}/explain", query={"webhookId": webhook_id})

    def resend_event(
        self,
        id: str,
        body: Optional[t.ResendRequest] = None,
        *,
        idempotency_key: Optional[str] = None,
    ) -> t.ResendAnswer:
        """Deliver an event again: `POST /v1/events/{id}/resend`.

        To all webhooks that match now, or to one. A delivery keeps its id, so that receivers can
        tell that they had it before.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/events/{segment(id)}/resend", body=body or {}, once=True, idempotency_key=idempotency_key)

    def list_event_types(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        pack: Optional[str] = None,
        archived: Optional[Literal["false", "true", "all"]] = None,
        query: Optional[str] = None,
    ) -> Iterator[t.EventType]:
        """List the event types of the catalogue: `GET /v1/event-types`.

        By name. Other types may be published all the same, unless the catalogue's validation is
        `strict`. A page may hold fewer types than asked for when their schemas are large.

        Needs the scope `read`.
        """
        return self._entries(lambda at: self.list_event_types_page(limit=limit, pack=pack, archived=archived, query=query, cursor=at), cursor)

    def list_event_types_page(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        pack: Optional[str] = None,
        archived: Optional[Literal["false", "true", "all"]] = None,
        query: Optional[str] = None,
    ) -> Page[t.EventType]:
        """One page of list_event_types, for callers who keep the cursor by themselves."""
        return self._page("GET", "/v1/event-types", query={"cursor": cursor, "limit": limit, "pack": pack, "archived": archived, "query": query})

    def create_event_type(self, body: t.CreateEventType, *, idempotency_key: Optional[str] = None) -> t.EventType:
        """Add an event type: `POST /v1/event-types`.

        Needs the scope `manage`.
        """
        return self._json("POST", "/v1/event-types", body=body, once=True, idempotency_key=idempotency_key)

    def import_event_types(
        self,
        content_type: str,
        document: Union[str, bytes],
        *,
        format: Optional[Literal["json-schema", "openapi", "pack"]] = None,
        name: Optional[str] = None,
        dry_run: Optional[bool] = None,
        idempotency_key: Optional[str] = None,
    ) -> t.ImportedTypes:
        """Import event types: `POST /v1/event-types/import`.

        From a document in JSON or YAML of up to 16 MiB, in YAML 8 MiB, all or nothing: only
        webhooks that cannot be types are skipped, with the reason. Types that are there get a new
        version if their schema differs. References into other documents are refused: nothing is
        fetched.

        Needs the scope `manage`.
        """
        return self._json("POST", "/v1/event-types/import", content_type=content_type, raw=document, query={"format": format, "name": name, "dryRun": dry_run}, once=True, idempotency_key=idempotency_key)

    def get_event_type(self, name: str, *, version: Optional[str] = None) -> t.EventType:
        """Get an event type: `GET /v1/event-types/{name}`.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/event-types/{segment(name)}", query={"version": version})

    def update_event_type(self, name: str, body: t.UpdateEventType) -> t.EventType:
        """Change an event type: `PATCH /v1/event-types/{name}`.

        Members left out stay as they are, null resets a member to its default. A change of a schema
        makes a new version, unless `version` names one. Changing what describes a type of a pack
        makes a version of your own, which takes its place until you delete it; `validation`,
        `deprecated` and `archived` do not.

        Needs the scope `manage`.
        """
        return self._json("PATCH", f"/v1/event-types/{segment(name)}", body=body)

    def delete_event_type(self, name: str) -> None:
        """Delete an event type: `DELETE /v1/event-types/{name}`.

        All versions of a type of your own. Its events stay, and may be published still. A type of a
        pack cannot be deleted, but archived.

        Needs the scope `manage`.
        """
        self._nothing("DELETE", f"/v1/event-types/{segment(name)}")

    def get_event_type_example(self, name: str, *, version: Optional[str] = None) -> t.EventExample:
        """Get an example event of a type: `GET /v1/event-types/{name}/example`.

        The answer can be published as it is.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/event-types/{segment(name)}/example", query={"version": version})

    def get_catalogue(self) -> t.Catalogue:
        """Get the catalogue's settings: `GET /v1/catalogue`.

        Needs the scope `read`.
        """
        return self._json("GET", "/v1/catalogue")

    def update_catalogue(self, body: t.UpdateCatalogue) -> t.Catalogue:
        """Change the catalogue's settings: `PATCH /v1/catalogue`.

        Needs the scope `manage`.
        """
        return self._json("PATCH", "/v1/catalogue", body=body)

    def list_derivation_rules(self) -> List[t.DerivationRule]:
        """List derivation rules: `GET /v1/derivation-rules`.

        Rules that ship with Relay first. The list is never paged.

        Needs the scope `read`.
        """
        return self._list("GET", "/v1/derivation-rules")

    def create_derivation_rule(self, body: t.CreateDerivationRule, *, idempotency_key: Optional[str] = None) -> t.DerivationRule:
        """Add a derivation rule: `POST /v1/derivation-rules`.

        It holds for events published from now on. What follows is stored with its cause, all or
        nothing; an event derives no type that is in its own chain of causes, and four steps at
        most.

        Needs the scope `manage`.
        """
        return self._json("POST", "/v1/derivation-rules", body=body, once=True, idempotency_key=idempotency_key)

    def get_derivation_rule(self, name: str) -> t.DerivationRule:
        """Get a derivation rule: `GET /v1/derivation-rules/{name}`.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/derivation-rules/{segment(name)}")

    def update_derivation_rule(self, name: str, body: t.UpdateDerivationRule) -> t.DerivationRule:
        """Change a derivation rule, or switch it on or off: `PATCH /v1/derivation-rules/{name}`.

        Members left out stay as they are. A rule that ships with Relay can be switched off, for
        applications that publish those events themselves.

        Needs the scope `manage`.
        """
        return self._json("PATCH", f"/v1/derivation-rules/{segment(name)}", body=body)

    def delete_derivation_rule(self, name: str) -> None:
        """Delete a derivation rule: `DELETE /v1/derivation-rules/{name}`.

        One of your own; those that ship with Relay can be switched off.

        Needs the scope `manage`.
        """
        self._nothing("DELETE", f"/v1/derivation-rules/{segment(name)}")

    def list_webhooks(self, *, cursor: Optional[str] = None, limit: Optional[int] = None) -> Iterator[t.Webhook]:
        """List webhooks: `GET /v1/webhooks`.

        The oldest first.

        Needs the scope `read`.
        """
        return self._entries(lambda at: self.list_webhooks_page(limit=limit, cursor=at), cursor)

    def list_webhooks_page(self, *, cursor: Optional[str] = None, limit: Optional[int] = None) -> Page[t.Webhook]:
        """One page of list_webhooks, for callers who keep the cursor by themselves."""
        return self._page("GET", "/v1/webhooks", query={"cursor": cursor, "limit": limit})

    def create_webhook(self, body: t.CreateWebhook, *, idempotency_key: Optional[str] = None) -> t.Webhook:
        """Create a webhook: `POST /v1/webhooks`.

        It receives the events accepted from now on. The answer shows the signing secret, for the
        only time.

        Needs the scope `manage`.
        """
        return self._json("POST", "/v1/webhooks", body=body, once=True, idempotency_key=idempotency_key)

    def get_webhook(self, id: str) -> t.Webhook:
        """Get a webhook: `GET /v1/webhooks/{id}`.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/webhooks/{segment(id)}")

    def update_webhook(self, id: str, body: t.UpdateWebhook) -> t.Webhook:
        """Change a webhook: `PATCH /v1/webhooks/{id}`.

        Members left out stay as they are, null resets a member to its default. Deliveries that wait
        for their retry follow the new settings.

        Needs the scope `manage`.
        """
        return self._json("PATCH", f"/v1/webhooks/{segment(id)}", body=body)

    def delete_webhook(self, id: str) -> None:
        """Delete a webhook: `DELETE /v1/webhooks/{id}`.

        What it was still owed is discarded. Its attempts stay in the log.

        Needs the scope `manage`.
        """
        self._nothing("DELETE", f"/v1/webhooks/{segment(id)}")

    def test_webhook(
        self,
        id: str,
        body: Optional[t.TestRequest] = None,
        *,
        idempotency_key: Optional[str] = None,
    ) -> t.TestAnswer:
        """Send a test event: `POST /v1/webhooks/{id}/test`.

        Sends an example event with the header `X-Relay-Test: true` at once, waits for the endpoint,
        and answers 200 with the attempt whatever it said. The attempt is in the log and is not
        repeated.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/webhooks/{segment(id)}/test", body=body or {}, once=True, idempotency_key=idempotency_key)

    def preview_webhook(self, id: str, body: Optional[t.PreviewRequest] = None) -> List[t.PreviewedEvent]:
        """Try a filter, transform or format: `POST /v1/webhooks/{id}/preview`.

        On past events (`last`, or `eventIds`) or given ones (`events`): which match, and the
        requests that would be made. No request is made, and no event is stored. Takes 10 s at most;
        the events it did not get to are answered as `notTried`. The list is never paged.

        Needs the scope `manage`.
        """
        return self._list("POST", f"/v1/webhooks/{segment(id)}/preview", body=body or {})

    def pause_webhook(self, id: str, *, idempotency_key: Optional[str] = None) -> t.Webhook:
        """Pause a webhook: `POST /v1/webhooks/{id}/pause`.

        Events accepted while it is paused are not queued for it, and retries wait. Use replay to
        catch up afterwards.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/webhooks/{segment(id)}/pause", once=True, idempotency_key=idempotency_key)

    def resume_webhook(self, id: str, *, idempotency_key: Optional[str] = None) -> t.Webhook:
        """Resume a paused or disabled webhook: `POST /v1/webhooks/{id}/resume`.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/webhooks/{segment(id)}/resume", once=True, idempotency_key=idempotency_key)

    def rotate_webhook_secret(
        self,
        id: str,
        body: Optional[t.RotateRequest] = None,
        *,
        idempotency_key: Optional[str] = None,
    ) -> t.Webhook:
        """Replace the signing secret: `POST /v1/webhooks/{id}/rotate-secret`.

        The answer shows the new secret, for the only time. The old one is invalid at once, or signs
        beside the new one for `overlap`. A key pair is replaced with it.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/webhooks/{segment(id)}/rotate-secret", body=body or {}, once=True, idempotency_key=idempotency_key)

    def reveal_webhook_secret(self, id: str, *, idempotency_key: Optional[str] = None) -> t.RevealedSecret:
        """Show the signing secret again: `POST /v1/webhooks/{id}/reveal-secret`.

        Where the tenant allows it: `revealSecrets`, which operators set with `PATCH
        /v1/tenants/{id}`. The audit log notes who has seen it.

        Needs the scope `admin`.
        """
        return self._json("POST", f"/v1/webhooks/{segment(id)}/reveal-secret", once=True, idempotency_key=idempotency_key)

    def recover_webhook(self, id: str, body: t.SinceRequest, *, idempotency_key: Optional[str] = None) -> t.Job:
        """Retry all failed deliveries since a time: `POST /v1/webhooks/{id}/recover`.

        Runs in the background; the job in the answer shows how far it is.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/webhooks/{segment(id)}/recover", body=body, once=True, idempotency_key=idempotency_key)

    def replay_webhook(self, id: str, body: t.SinceRequest, *, idempotency_key: Optional[str] = None) -> t.Job:
        """Deliver all matching events since a time: `POST /v1/webhooks/{id}/replay`.

        Also those that came while the webhook was paused or disabled. Runs in the background; the
        job in the answer shows how far it is.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/webhooks/{segment(id)}/replay", body=body, once=True, idempotency_key=idempotency_key)

    def list_webhook_attempts(
        self,
        id: str,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        status: Optional[Literal["delivered", "retrying", "failed"]] = None,
        code: Optional[str] = None,
        error_kind: Optional[Literal["status", "timeout", "connect", "dns", "tls", "reset", "protocol", "response_too_large", "blocked_address", "proxy", "auth", "transform", "request", "answer", "canceled"]] = None,
        event_type: Optional[str] = None,
        since: Optional[Timestamp] = None,
        until: Optional[Timestamp] = None,
    ) -> Iterator[t.Attempt]:
        """List a webhook's attempts: `GET /v1/webhooks/{id}/attempts`.

        The log, the newest first, also that of a webhook that was deleted. A search that matches
        rarely may answer a short or empty page with a `nextCursor`: go on from there; `searchedTo`
        says how far it came.

        Needs the scope `read`.
        """
        return self._entries(lambda at: self.list_webhook_attempts_page(id, limit=limit, status=status, code=code, error_kind=error_kind, event_type=event_type, since=since, until=until, cursor=at), cursor)

    def list_webhook_attempts_page(
        self,
        id: str,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        status: Optional[Literal["delivered", "retrying", "failed"]] = None,
        code: Optional[str] = None,
        error_kind: Optional[Literal["status", "timeout", "connect", "dns", "tls", "reset", "protocol", "response_too_large", "blocked_address", "proxy", "auth", "transform", "request", "answer", "canceled"]] = None,
        event_type: Optional[str] = None,
        since: Optional[Timestamp] = None,
        until: Optional[Timestamp] = None,
    ) -> Page[t.Attempt]:
        """One page of list_webhook_attempts, for callers who keep the cursor by themselves."""
        return self._page("GET", f"/v1/webhooks/{segment(id)}/attempts", query={"cursor": cursor, "limit": limit, "status": status, "code": code, "errorKind": error_kind, "eventType": event_type, "since": since, "until": until})

    def list_hooks(
        self,
        *,
        target_url: Optional[str] = None,
        event: Optional[str] = None,
        status: Optional[Literal["current", "ended", "all"]] = None,
        after: Optional[str] = None,
        limit: Optional[int] = None,
    ) -> List[Optional[t.Hook]]:
        """List REST hooks: `GET /v1/hooks`.

        A plain list, the newest first. With `targetUrl` and `event` it tells whether a subscription
        exists already.

        Needs the scope `hooks`.
        """
        return self._json("GET", "/v1/hooks", query={"targetUrl": target_url, "event": event, "status": status, "after": after, "limit": limit})

    def create_hook(self, body: t.CreateHook, *, idempotency_key: Optional[str] = None) -> t.Hook:
        """Subscribe a REST hook: `POST /v1/hooks`.

        The same target, events and filter again answer `200` with the same hook. What is delivered
        is the envelope with the member `id`, the same as `webhookId`. A target that answers `410`
        ends its hook. The answer shows the signing secret to the key that created the hook.

        Needs the scope `hooks`.
        """
        return self._json("POST", "/v1/hooks", body=body, once=True, idempotency_key=idempotency_key)

    def delete_hook(self, id: str) -> t.HookDeleted:
        """Unsubscribe a REST hook: `DELETE /v1/hooks/{id}`.

        Answers the same for a hook that has ended already. What it was owed is discarded. It is
        listed for 30 days, with `status=ended`, and can be restored.

        Needs the scope `hooks`.
        """
        return self._json("DELETE", f"/v1/hooks/{segment(id)}")

    def restore_hook(self, id: str, *, idempotency_key: Optional[str] = None) -> t.Hook:
        """Restore a REST hook that has ended: `POST /v1/hooks/{id}/restore`.

        It keeps its id and secret, and gets events from now on. Its platform may not know it any
        more; then its target answers `410` again.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/hooks/{segment(id)}/restore", once=True, idempotency_key=idempotency_key)

    def resume_hook(self, id: str, *, idempotency_key: Optional[str] = None) -> t.Hook:
        """Resume a REST hook that Relay has disabled: `POST /v1/hooks/{id}/resume`.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/hooks/{segment(id)}/resume", once=True, idempotency_key=idempotency_key)

    def list_hook_samples(self, *, event: Optional[str] = None, limit: Optional[int] = None) -> List[Any]:
        """Show events as a REST hook gets them: `GET /v1/hooks/samples`.

        A plain list, the newest first: events of the last 30 days in the form in which they are
        delivered, or the catalogue's examples where there are none. The ids are not those of
        deliveries.

        Needs the scope `hooks`.
        """
        return self._json("GET", "/v1/hooks/samples", query={"event": event, "limit": limit})

    def get_hook_account(self) -> t.HookAccount:
        """Name the connection: `GET /v1/hooks/me`.

        The tenant and the key, for the label that a platform shows beside a connection, and to test
        a key.

        Needs the scope `hooks`.
        """
        return self._json("GET", "/v1/hooks/me")

    def list_hook_events(self) -> List[t.HookEvent]:
        """List the event types to choose from: `GET /v1/hooks/events`.

        A plain list, by name, for the dropdowns of platforms.

        Needs the scope `hooks`.
        """
        return self._json("GET", "/v1/hooks/events")

    def list_attempts(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        status: Optional[Literal["delivered", "retrying", "failed"]] = None,
        code: Optional[str] = None,
        error_kind: Optional[Literal["status", "timeout", "connect", "dns", "tls", "reset", "protocol", "response_too_large", "blocked_address", "proxy", "auth", "transform", "request", "answer", "canceled"]] = None,
        event_type: Optional[str] = None,
        since: Optional[Timestamp] = None,
        until: Optional[Timestamp] = None,
        webhook_id: Optional[str] = None,
        event_id: Optional[str] = None,
        delivery_id: Optional[str] = None,
    ) -> Iterator[t.Attempt]:
        """List attempts: `GET /v1/attempts`.

        The log of all webhooks, of an event or of a delivery, the newest first; of one event at
        most the last 1,000. A search that matches rarely may answer a short or empty page with a
        `nextCursor`: go on from there; `searchedTo` says how far it came.

        Needs the scope `read`.
        """
        return self._entries(lambda at: self.list_attempts_page(limit=limit, status=status, code=code, error_kind=error_kind, event_type=event_type, since=since, until=until, webhook_id=webhook_id, event_id=event_id, delivery_id=delivery_id, cursor=at), cursor)

    def list_attempts_page(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        status: Optional[Literal["delivered", "retrying", "failed"]] = None,
        code: Optional[str] = None,
        error_kind: Optional[Literal["status", "timeout", "connect", "dns", "tls", "reset", "protocol", "response_too_large", "blocked_address", "proxy", "auth", "transform", "request", "answer", "canceled"]] = None,
        event_type: Optional[str] = None,
        since: Optional[Timestamp] = None,
        until: Optional[Timestamp] = None,
        webhook_id: Optional[str] = None,
        event_id: Optional[str] = None,
        delivery_id: Optional[str] = None,
    ) -> Page[t.Attempt]:
        """One page of list_attempts, for callers who keep the cursor by themselves."""
        return self._page("GET", "/v1/attempts", query={"cursor": cursor, "limit": limit, "status": status, "code": code, "errorKind": error_kind, "eventType": event_type, "since": since, "until": until, "webhookId": webhook_id, "eventId": event_id, "deliveryId": delivery_id})

    def list_log_views(self) -> List[t.LogView]:
        """List saved views of the log: `GET /v1/log-views`.

        By name: those that the tenant shares, and your own if you have signed in. The list is never
        paged.

        Needs the scope `read`.
        """
        return self._list("GET", "/v1/log-views")

    def create_log_view(self, body: t.CreateLogView, *, idempotency_key: Optional[str] = None) -> t.LogView:
        """Save a view of the log: `POST /v1/log-views`.

        A filter under a name, for people: the dashboard lists it beside the log. A tenant shares at
        most 50, and each person has at most 50 in a tenant.

        Needs the scope `manage`.
        """
        return self._json("POST", "/v1/log-views", body=body, once=True, idempotency_key=idempotency_key)

    def delete_log_view(self, id: str) -> None:
        """Delete a saved view of the log: `DELETE /v1/log-views/{id}`.

        Needs the scope `manage`.
        """
        self._nothing("DELETE", f"/v1/log-views/{segment(id)}")

    def get_attempt(self, id: str) -> t.Attempt:
        """Get an attempt: `GET /v1/attempts/{id}`.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/attempts/{segment(id)}")

    def list_deliveries(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        webhook_id: Optional[str] = None,
        state: Optional[Literal["waiting", "inFlight", "held", "delivered", "failed", "discarded", "expired", "canceled"]] = None,
    ) -> Iterator[t.Delivery]:
        """List deliveries: `GET /v1/deliveries`.

        Those that are not settled first, the newest event first; then the settled ones, the last
        settled first. A search that matches rarely may answer a short or empty page with a
        `nextCursor`: go on from there; `searchedTo` says how far back in the log it came.

        Needs the scope `read`.
        """
        return self._entries(lambda at: self.list_deliveries_page(limit=limit, webhook_id=webhook_id, state=state, cursor=at), cursor)

    def list_deliveries_page(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        webhook_id: Optional[str] = None,
        state: Optional[Literal["waiting", "inFlight", "held", "delivered", "failed", "discarded", "expired", "canceled"]] = None,
    ) -> Page[t.Delivery]:
        """One page of list_deliveries, for callers who keep the cursor by themselves."""
        return self._page("GET", "/v1/deliveries", query={"cursor": cursor, "limit": limit, "webhookId": webhook_id, "state": state})

    def get_delivery(self, id: str) -> t.Delivery:
        """Get a delivery: `GET /v1/deliveries/{id}`.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/deliveries/{segment(id)}")

    def retry_delivery(self, id: str, *, idempotency_key: Optional[str] = None) -> t.Delivery:
        """Retry a delivery now: `POST /v1/deliveries/{id}/retry`.

        One that failed, expired, was canceled or waits. It keeps its id and starts a new round of
        attempts. 409 where its event is no longer stored: there is nothing to send.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/deliveries/{segment(id)}/retry", once=True, idempotency_key=idempotency_key)

    def cancel_delivery(self, id: str, *, idempotency_key: Optional[str] = None) -> t.Delivery:
        """Cancel a delivery: `POST /v1/deliveries/{id}/cancel`.

        It is not attempted again.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/deliveries/{segment(id)}/cancel", once=True, idempotency_key=idempotency_key)

    def list_jobs(self) -> List[t.Job]:
        """List background jobs: `GET /v1/jobs`.

        The newest first, at most 250. The list is never paged.

        Needs the scope `read`.
        """
        return self._list("GET", "/v1/jobs")

    def get_job(self, id: str) -> t.Job:
        """Get a background job: `GET /v1/jobs/{id}`.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/jobs/{segment(id)}")

    def cancel_job(self, id: str, *, idempotency_key: Optional[str] = None) -> t.Job:
        """Cancel a background job: `POST /v1/jobs/{id}/cancel`.

        The deliveries it has asked for already stay.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/jobs/{segment(id)}/cancel", once=True, idempotency_key=idempotency_key)

    def list_campaigns(self, *, cursor: Optional[str] = None, limit: Optional[int] = None) -> Iterator[t.Campaign]:
        """List campaigns: `GET /v1/campaigns`.

        In the order of their numbers.

        Needs the scope `read`.
        """
        return self._entries(lambda at: self.list_campaigns_page(limit=limit, cursor=at), cursor)

    def list_campaigns_page(self, *, cursor: Optional[str] = None, limit: Optional[int] = None) -> Page[t.Campaign]:
        """One page of list_campaigns, for callers who keep the cursor by themselves."""
        return self._page("GET", "/v1/campaigns", query={"cursor": cursor, "limit": limit})

    def create_campaign(self, body: t.CreateCampaign, *, idempotency_key: Optional[str] = None) -> t.Campaign:
        """Create a campaign: `POST /v1/campaigns`.

        It is not needed: a campaign comes into being with its first stored respondent. But one made
        before has a name.

        Needs the scope `manage`.
        """
        return self._json("POST", "/v1/campaigns", body=body, once=True, idempotency_key=idempotency_key)

    def get_campaign(self, id: int) -> t.Campaign:
        """Get a campaign: `GET /v1/campaigns/{id}`.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/campaigns/{segment(id)}")

    def update_campaign(self, id: int, body: t.UpdateCampaign) -> t.Campaign:
        """Rename a campaign: `PATCH /v1/campaigns/{id}`.

        Needs the scope `manage`.
        """
        return self._json("PATCH", f"/v1/campaigns/{segment(id)}", body=body)

    def delete_campaign(self, id: int) -> None:
        """Delete a campaign with its respondents: `DELETE /v1/campaigns/{id}`.

        Each of them is erased, those on their way to the gate's endpoint too.

        Needs the scope `manage`.
        """
        self._nothing("DELETE", f"/v1/campaigns/{segment(id)}")

    def add_respondent(self, body: t.NewRespondent, *, idempotency_key: Optional[str] = None) -> t.ReceivedRespondent:
        """Add a respondent: `POST /v1/respondents`.

        It is stored in its campaign and never goes through the gate. Members that are not
        documented are kept. With the header `Idempotency-Key`, or an `id` of your own, sending it
        again answers the first result with `"duplicate":true`; the same key with other data is a
        `409`.

        Needs the scope `publish`.
        """
        return self._json("POST", "/v1/respondents", body=body, once=True, idempotency_key=idempotency_key)

    def list_respondents(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        state: Optional[Literal["stored", "pending", "held", "rejected", "discarded", "forwarded"]] = None,
        campaign_id: Optional[int] = None,
        integration: Optional[str] = None,
        email_address: Optional[str] = None,
        phone_number: Optional[str] = None,
        text: Optional[str] = None,
        do_not_contact: Optional[bool] = None,
        since: Optional[Timestamp] = None,
        until: Optional[Timestamp] = None,
    ) -> Iterator[t.Respondent]:
        """List respondents: `GET /v1/respondents`.

        Those of one state, the newest first. A search that matches rarely may answer a short or
        empty page with a `nextCursor`: go on from there.

        Needs the scope `read`.
        """
        return self._entries(lambda at: self.list_respondents_page(limit=limit, state=state, campaign_id=campaign_id, integration=integration, email_address=email_address, phone_number=phone_number, text=text, do_not_contact=do_not_contact, since=since, until=until, cursor=at), cursor)

    def list_respondents_page(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        state: Optional[Literal["stored", "pending", "held", "rejected", "discarded", "forwarded"]] = None,
        campaign_id: Optional[int] = None,
        integration: Optional[str] = None,
        email_address: Optional[str] = None,
        phone_number: Optional[str] = None,
        text: Optional[str] = None,
        do_not_contact: Optional[bool] = None,
        since: Optional[Timestamp] = None,
        until: Optional[Timestamp] = None,
    ) -> Page[t.Respondent]:
        """One page of list_respondents, for callers who keep the cursor by themselves."""
        return self._page("GET", "/v1/respondents", query={"cursor": cursor, "limit": limit, "state": state, "campaignId": campaign_id, "integration": integration, "emailAddress": email_address, "phoneNumber": phone_number, "text": text, "doNotContact": do_not_contact, "since": since, "until": until})

    def export_respondents(
        self,
        *,
        state: Optional[Literal["stored", "pending", "held", "rejected", "discarded", "forwarded"]] = None,
        campaign_id: Optional[int] = None,
        integration: Optional[str] = None,
        email_address: Optional[str] = None,
        phone_number: Optional[str] = None,
        text: Optional[str] = None,
        do_not_contact: Optional[bool] = None,
        since: Optional[Timestamp] = None,
        until: Optional[Timestamp] = None,
        bom: Optional[bool] = None,
    ) -> Answer:
        """Export respondents as CSV: `GET /v1/respondents/export`.

        UTF-8, RFC 4180 with plain line feeds, a line of names first, the newest respondent first;
        of any length. What begins a cell with `=`, `+`, `-`, `@`, a tab or a line break, or follows
        a semicolon, a tab or a line break in one, gets an apostrophe before it, so that no
        spreadsheet takes it for a formula. An export that ends early was cut off: its last line has
        no line end.

        Needs the scope `read`.
        """
        return self._open("GET", "/v1/respondents/export", query={"state": state, "campaignId": campaign_id, "integration": integration, "emailAddress": email_address, "phoneNumber": phone_number, "text": text, "doNotContact": do_not_contact, "since": since, "until": until, "bom": bom})

    def erase_person(self, body: t.EraseRequest, *, idempotency_key: Optional[str] = None) -> t.EraseAnswer:
        """Erase a person: `POST /v1/respondents/erase`.

        All respondents with the e-mail address or the telephone number, of every campaign and
        state, as erasing one does. Both are compared without what cannot be seen, punctuation and
        other ways of writing the same: `tel:`, `mailto:`, a name before the address, full-width
        digits. `warnings` names what cannot be compared with certainty.

        Needs the scope `manage`.
        """
        return self._json("POST", "/v1/respondents/erase", body=body, once=True, idempotency_key=idempotency_key)

    def get_respondent(self, id: str) -> t.Respondent:
        """Get a respondent: `GET /v1/respondents/{id}`.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/respondents/{segment(id)}")

    def erase_respondent(self, id: str) -> None:
        """Erase a respondent: `DELETE /v1/respondents/{id}`.

        For good, in every state, with what the log holds of it: requests and answers about it no
        longer show bodies. A waiting delivery is not made.

        Needs the scope `manage`.
        """
        self._nothing("DELETE", f"/v1/respondents/{segment(id)}")

    def retry_respondent(self, id: str, *, idempotency_key: Optional[str] = None) -> t.Respondent:
        """Retry a held respondent: `POST /v1/respondents/{id}/retry`.

        The gate's endpoint is asked again, with a new round of attempts.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/respondents/{segment(id)}/retry", once=True, idempotency_key=idempotency_key)

    def receive_respondent(self, name: str, body: t.NewRespondent, *, idempotency_key: Optional[str] = None) -> t.ReceivedRespondent:
        """Receive a respondent from an integration: `POST /v1/integrations/{name}/respondents`.

        With the gate off it is stored in its campaign. With the gate on, `state` is `pending` and
        the endpoint is asked; with a `deadline` the call waits for the verdict, and `state` is what
        it came to, or `pending` if there was none in time. `202` is answered when the respondent is
        durable.

        With the header `Idempotency-Key`, or an `id` of the integration's own, sending it again
        answers how the first one stands, with `"duplicate":true`; the same key with other data is a
        `409`.

        Needs the scope `publish`.
        """
        return self._json("POST", f"/v1/integrations/{segment(name)}/respondents", body=body, once=True, idempotency_key=idempotency_key)

    def get_gate(self) -> t.GateSettings:
        """Get the gate's settings: `GET /v1/gate`.

        Needs the scope `admin`.
        """
        return self._json("GET", "/v1/gate")

    def update_gate(self, body: t.UpdateGate) -> t.GateSettings:
        """Change the gate's settings: `PATCH /v1/gate`.

        Members left out stay as they are, null resets one to its default. What is on its way
        follows the new settings; a gate that is turned off still asks about those it has. The
        change is in the audit log.

        Needs the scope `admin`.
        """
        return self._json("PATCH", "/v1/gate", body=body)

    def test_gate(self, *, idempotency_key: Optional[str] = None) -> t.TestAnswer:
        """Send an example to the gate's endpoint: `POST /v1/gate/test`.

        With the header `X-Relay-Test: true`, at once, whether the gate is on or not. Answers 200
        with the attempt whatever the endpoint said; in mode decide an answer that is no decision is
        a failure. Nobody is stored.

        Needs the scope `admin`.
        """
        return self._json("POST", "/v1/gate/test", once=True, idempotency_key=idempotency_key)

    def list_gate_attempts(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        status: Optional[Literal["delivered", "retrying", "failed"]] = None,
        code: Optional[str] = None,
        error_kind: Optional[Literal["status", "timeout", "connect", "dns", "tls", "reset", "protocol", "response_too_large", "blocked_address", "proxy", "auth", "transform", "request", "answer", "canceled"]] = None,
        since: Optional[Timestamp] = None,
        until: Optional[Timestamp] = None,
    ) -> Iterator[t.Attempt]:
        """List the gate's attempts: `GET /v1/gate/attempts`.

        The log of requests to the endpoint, the newest first, with the bodies of those that were
        not erased. A search that matches rarely may answer a short or empty page with a
        `nextCursor`: go on from there.

        Needs the scope `admin`.
        """
        return self._entries(lambda at: self.list_gate_attempts_page(limit=limit, status=status, code=code, error_kind=error_kind, since=since, until=until, cursor=at), cursor)

    def list_gate_attempts_page(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        status: Optional[Literal["delivered", "retrying", "failed"]] = None,
        code: Optional[str] = None,
        error_kind: Optional[Literal["status", "timeout", "connect", "dns", "tls", "reset", "protocol", "response_too_large", "blocked_address", "proxy", "auth", "transform", "request", "answer", "canceled"]] = None,
        since: Optional[Timestamp] = None,
        until: Optional[Timestamp] = None,
    ) -> Page[t.Attempt]:
        """One page of list_gate_attempts, for callers who keep the cursor by themselves."""
        return self._page("GET", "/v1/gate/attempts", query={"cursor": cursor, "limit": limit, "status": status, "code": code, "errorKind": error_kind, "since": since, "until": until})

    def list_integrations(self) -> List[t.Integration]:
        """List integrations: `GET /v1/integrations`.

        The list is never paged.

        Needs the scope `read`.
        """
        return self._list("GET", "/v1/integrations")

    def create_integration(self, body: t.CreateIntegration, *, idempotency_key: Optional[str] = None) -> t.Integration:
        """Add an integration: `POST /v1/integrations`.

        Its respondents go through the gate once its name is in the gate's `integrations`.

        Needs the scope `admin`.
        """
        return self._json("POST", "/v1/integrations", body=body, once=True, idempotency_key=idempotency_key)

    def delete_integration(self, name: str) -> None:
        """Remove an integration that was added: `DELETE /v1/integrations/{name}`.

        Its respondents stay.

        Needs the scope `admin`.
        """
        self._nothing("DELETE", f"/v1/integrations/{segment(name)}")

    def list_connectors(self, *, origin: Optional[Literal["standard", "custom"]] = None) -> List[t.Connector]:
        """List the connectors: `GET /v1/connectors`.

        The standard ones, then your own with all their versions. The list is never paged.

        Needs the scope `read`.
        """
        return self._list("GET", "/v1/connectors", query={"origin": origin})

    def create_connector(self, body: t.CreateConnector, *, idempotency_key: Optional[str] = None) -> t.ConnectorDocument:
        """Add a connector, or a version of one: `POST /v1/connectors`.

        It begins as a draft, which may lack what it does not have yet. What is wrong is told with
        line and column.

        Needs the scope `admin`.
        """
        return self._json("POST", "/v1/connectors", body=body, once=True, idempotency_key=idempotency_key)

    def check_connector(self, body: t.CreateConnector) -> t.ConnectorCheck:
        """Check a document and run its tests: `POST /v1/connectors/check`.

        Nothing is stored and nothing is sent.

        Needs the scope `admin`.
        """
        return self._json("POST", "/v1/connectors/check", body=body)

    def get_connector(self, name: str, *, version: Optional[str] = None) -> t.ConnectorDocument:
        """Get a connector with its document: `GET /v1/connectors/{name}`.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/connectors/{segment(name)}", query={"version": version})

    def update_connector(self, name: str, body: t.UpdateConnector) -> t.ConnectorDocument:
        """Change a draft, or move a version on: `PATCH /v1/connectors/{name}`.

        Only drafts change. `draft` becomes `testing` or `live`, `testing` becomes `live`, `draft`
        or `retired`, `live` becomes `retired`.

        Needs the scope `admin`.
        """
        return self._json("PATCH", f"/v1/connectors/{segment(name)}", body=body)

    def delete_connector(self, name: str, *, version: Optional[str] = None) -> None:
        """Delete a version that no connection uses: `DELETE /v1/connectors/{name}`.

        Needs the scope `admin`.
        """
        self._nothing("DELETE", f"/v1/connectors/{segment(name)}", query={"version": version})

    def tick_connector_plan(self, name: str, body: t.DoneStep, *, idempotency_key: Optional[str] = None) -> t.Connector:
        """Note that a step of the plan is done: `POST /v1/connectors/{name}/plan`.

        Needs the scope `admin`.
        """
        return self._json("POST", f"/v1/connectors/{segment(name)}/plan", body=body, once=True, idempotency_key=idempotency_key)

    def try_connector(
        self,
        name: str,
        body: t.ConnectorPayload,
        *,
        idempotency_key: Optional[str] = None,
    ) -> t.ConnectorTrial:
        """Show what a connector makes of a payload: `POST /v1/connectors/{name}/try`.

        Four stages: payload, filter, transform, request. With `send` the request is made, waited
        for, and in the log of the connection.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/connectors/{segment(name)}/try", body=body, once=True, idempotency_key=idempotency_key)

    def list_connections(self) -> List[t.Connection]:
        """List the connections: `GET /v1/connections`.

        The list is never paged.

        Needs the scope `read`.
        """
        return self._list("GET", "/v1/connections")

    def create_connection(self, body: t.CreateConnection, *, idempotency_key: Optional[str] = None) -> t.Connection:
        """Connect to a partner: `POST /v1/connections`.

        Where the connector has a check, the partner is asked whether it accepts the credentials,
        and nothing is stored if it does not. A connector may have several connections: accounts,
        regions.

        Needs the scope `manage`.
        """
        return self._json("POST", "/v1/connections", body=body, once=True, idempotency_key=idempotency_key)

    def get_connection(self, id: str) -> t.Connection:
        """Get a connection: `GET /v1/connections/{id}`.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/connections/{segment(id)}")

    def update_connection(self, id: str, body: t.UpdateConnection) -> t.Connection:
        """Change a connection: `PATCH /v1/connections/{id}`.

        Members left out stay as they are. What waits to be sent is sent with the new settings.

        Needs the scope `manage`.
        """
        return self._json("PATCH", f"/v1/connections/{segment(id)}", body=body)

    def delete_connection(self, id: str) -> None:
        """Delete a connection: `DELETE /v1/connections/{id}`.

        What waits to be sent is discarded.

        Needs the scope `manage`.
        """
        self._nothing("DELETE", f"/v1/connections/{segment(id)}")

    def check_connection(self, id: str) -> None:
        """Ask the partner whether it accepts the credentials: `POST /v1/connections/{id}/check`.

        A `422` has the partner's words if it does not.

        Needs the scope `manage`.
        """
        self._nothing("POST", f"/v1/connections/{segment(id)}/check")

    def list_segments(self, id: str, *, query: Optional[str] = None, refresh: Optional[bool] = None) -> t.Segments:
        """List the segments at the partner: `GET /v1/connections/{id}/segments`.

        They are fetched from the partner and kept for a while. A `409` says that the connector
        lists none: enter the External ID. The list is never paged.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/connections/{segment(id)}/segments", query={"query": query, "refresh": refresh})

    def list_connection_attempts(
        self,
        id: str,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        status: Optional[Literal["delivered", "retrying", "failed"]] = None,
        code: Optional[str] = None,
        error_kind: Optional[Literal["status", "timeout", "connect", "dns", "tls", "reset", "protocol", "response_too_large", "blocked_address", "proxy", "auth", "transform", "request", "answer", "canceled"]] = None,
        since: Optional[Timestamp] = None,
        until: Optional[Timestamp] = None,
    ) -> Iterator[t.Attempt]:
        """List the requests of a connection: `GET /v1/connections/{id}/attempts`.

        The newest first. A search that matches rarely may answer a short or empty page with a
        `nextCursor`: go on from there.

        Needs the scope `read`.
        """
        return self._entries(lambda at: self.list_connection_attempts_page(id, limit=limit, status=status, code=code, error_kind=error_kind, since=since, until=until, cursor=at), cursor)

    def list_connection_attempts_page(
        self,
        id: str,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        status: Optional[Literal["delivered", "retrying", "failed"]] = None,
        code: Optional[str] = None,
        error_kind: Optional[Literal["status", "timeout", "connect", "dns", "tls", "reset", "protocol", "response_too_large", "blocked_address", "proxy", "auth", "transform", "request", "answer", "canceled"]] = None,
        since: Optional[Timestamp] = None,
        until: Optional[Timestamp] = None,
    ) -> Page[t.Attempt]:
        """One page of list_connection_attempts, for callers who keep the cursor by themselves."""
        return self._page("GET", f"/v1/connections/{segment(id)}/attempts", query={"cursor": cursor, "limit": limit, "status": status, "code": code, "errorKind": error_kind, "since": since, "until": until})

    def list_profiles(self, *, cursor: Optional[str] = None, limit: Optional[int] = None) -> Iterator[t.Profile]:
        """List the profiles: `GET /v1/profiles`.

        In the order of their ids.

        Needs the scope `read`.
        """
        return self._entries(lambda at: self.list_profiles_page(limit=limit, cursor=at), cursor)

    def list_profiles_page(self, *, cursor: Optional[str] = None, limit: Optional[int] = None) -> Page[t.Profile]:
        """One page of list_profiles, for callers who keep the cursor by themselves."""
        return self._page("GET", "/v1/profiles", query={"cursor": cursor, "limit": limit})

    def get_profile(self, id: str) -> t.Profile:
        """Get a profile: `GET /v1/profiles/{id}`.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/profiles/{segment(id)}")

    def put_profile(self, id: str, body: t.PutProfile) -> t.Profile:
        """Store a profile, or change it: `PATCH /v1/profiles/{id}`.

        Members left out stay as they are. What changes is sent to the partners that are to know of
        changes.

        Needs the scope `manage`.
        """
        return self._json("PATCH", f"/v1/profiles/{segment(id)}", body=body)

    def erase_profile(self, id: str) -> None:
        """Erase a profile: `DELETE /v1/profiles/{id}`.

        It leaves its audiences, the partners that can remove it are asked to, and then it is gone.

        Needs the scope `manage`.
        """
        self._nothing("DELETE", f"/v1/profiles/{segment(id)}")

    def list_audiences(self) -> List[t.Audience]:
        """List the audiences: `GET /v1/audiences`.

        The list is never paged.

        Needs the scope `read`.
        """
        return self._list("GET", "/v1/audiences")

    def create_audience(self, body: t.CreateAudience, *, idempotency_key: Optional[str] = None) -> t.Audience:
        """Make an audience: `POST /v1/audiences`.

        Needs the scope `manage`.
        """
        return self._json("POST", "/v1/audiences", body=body, once=True, idempotency_key=idempotency_key)

    def get_audience(self, number: int) -> t.Audience:
        """Get an audience: `GET /v1/audiences/{number}`.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/audiences/{segment(number)}")

    def update_audience(self, number: int, body: t.UpdateAudience) -> t.Audience:
        """Change an audience: `PATCH /v1/audiences/{number}`.

        Needs the scope `manage`.
        """
        return self._json("PATCH", f"/v1/audiences/{segment(number)}", body=body)

    def delete_audience(self, number: int) -> None:
        """Delete an audience that is attached to no partner: `DELETE /v1/audiences/{number}`.

        Needs the scope `manage`.
        """
        self._nothing("DELETE", f"/v1/audiences/{segment(number)}")

    def create_attachment(
        self,
        number: int,
        body: t.CreateAttachment,
        *,
        idempotency_key: Optional[str] = None,
    ) -> t.Attachment:
        """Attach an audience to a partner: `POST /v1/audiences/{number}/attachments`.

        Its members are sent, unless the connector is of the kind message: that sends those who
        enter from now on.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/audiences/{segment(number)}/attachments", body=body, once=True, idempotency_key=idempotency_key)

    def update_attachment(self, number: int, id: str, body: t.UpdateAttachment) -> t.Audience:
        """Change an attachment, pause it, or go on: `PATCH /v1/audiences/{number}/attachments/{id}`.

        Needs the scope `manage`.
        """
        return self._json("PATCH", f"/v1/audiences/{segment(number)}/attachments/{segment(id)}", body=body)

    def delete_attachment(
        self,
        number: int,
        id: str,
        *,
        members: Optional[Literal["remove", "keep"]] = None,
    ) -> t.Audience:
        """Detach an audience from a partner: `DELETE /v1/audiences/{number}/attachments/{id}`.

        It is done in the background; `detaching` of the attachment tells until then. Repeated with
        `keep`, it no longer waits for the partner.

        Needs the scope `manage`.
        """
        return self._json("DELETE", f"/v1/audiences/{segment(number)}/attachments/{segment(id)}", query={"members": members})

    def get_attachment_counts(self, number: int, id: str) -> t.AttachmentCounts:
        """Count where profiles stand at a partner: `GET
        /v1/audiences/{number}/attachments/{id}/counts`.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/audiences/{segment(number)}/attachments/{segment(id)}/counts")

    def list_attachment_profiles(
        self,
        number: int,
        id: str,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        state: Optional[Literal["pendingAdd", "pendingUpdate", "pendingRemove", "sending", "synced", "rejected", "skipped", "suppressed", "kept"]] = None,
    ) -> Iterator[t.AttachmentProfile]:
        """List where profiles stand at a partner: `GET
        /v1/audiences/{number}/attachments/{id}/profiles`.

        In the order of their ids.

        Needs the scope `read`.
        """
        return self._entries(lambda at: self.list_attachment_profiles_page(number, id, limit=limit, state=state, cursor=at), cursor)

    def list_attachment_profiles_page(
        self,
        number: int,
        id: str,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        state: Optional[Literal["pendingAdd", "pendingUpdate", "pendingRemove", "sending", "synced", "rejected", "skipped", "suppressed", "kept"]] = None,
    ) -> Page[t.AttachmentProfile]:
        """One page of list_attachment_profiles, for callers who keep the cursor by themselves."""
        return self._page("GET", f"/v1/audiences/{segment(number)}/attachments/{segment(id)}/profiles", query={"cursor": cursor, "limit": limit, "state": state})

    def explain_profile(self, number: int, id: str, profile_id: str) -> t.ProfileExplanation:
        """Explain why a profile is at a partner, or why it is not: `GET
        /v1/audiences/{number}/attachments/{id}/profiles/{profileId}`.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/audiences/{segment(number)}/attachments/{segment(id)}/profiles/{segment(profile_id)}")

    def list_members(self, number: int, *, cursor: Optional[str] = None, limit: Optional[int] = None) -> Iterator[t.Member]:
        """List an audience's members: `GET /v1/audiences/{number}/members`.

        In the order of their ids.

        Needs the scope `read`.
        """
        return self._entries(lambda at: self.list_members_page(number, limit=limit, cursor=at), cursor)

    def list_members_page(self, number: int, *, cursor: Optional[str] = None, limit: Optional[int] = None) -> Page[t.Member]:
        """One page of list_members, for callers who keep the cursor by themselves."""
        return self._page("GET", f"/v1/audiences/{segment(number)}/members", query={"cursor": cursor, "limit": limit})

    def put_members(self, number: int, body: t.PutMembers, *, idempotency_key: Optional[str] = None) -> None:
        """Have up to 1,000 profiles enter or leave an audience: `POST /v1/audiences/{number}/members`.

        All of them or, if a row is wrong, none. Repeating it changes nothing. For more, see
        imports.

        Needs the scope `manage`.
        """
        self._nothing("POST", f"/v1/audiences/{segment(number)}/members", body=body, once=True, idempotency_key=idempotency_key)

    def list_imports(self, number: int) -> List[t.Import]:
        """List an audience's latest imports: `GET /v1/audiences/{number}/imports`.

        The newest first; never paged. The rows of an open one are counted by getImport.

        Needs the scope `read`.
        """
        return self._list("GET", f"/v1/audiences/{segment(number)}/imports")

    def create_import(
        self,
        number: int,
        body: t.CreateImport,
        *,
        idempotency_key: Optional[str] = None,
    ) -> t.Import:
        """Begin an import into an audience: `POST /v1/audiences/{number}/imports`.

        It takes rows, shows what would change, and is then started.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/audiences/{segment(number)}/imports", body=body, once=True, idempotency_key=idempotency_key)

    def get_import(self, number: int, id: str) -> t.Import:
        """Get an import: what would change, or how far it is: `GET
        /v1/audiences/{number}/imports/{id}`.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/audiences/{segment(number)}/imports/{segment(id)}")

    def cancel_import(self, number: int, id: str) -> None:
        """Cancel an import: `DELETE /v1/audiences/{number}/imports/{id}`.

        What was applied stays.

        Needs the scope `manage`.
        """
        self._nothing("DELETE", f"/v1/audiences/{segment(number)}/imports/{segment(id)}")

    def add_import_rows(
        self,
        number: int,
        id: str,
        body: t.ImportRows,
        *,
        idempotency_key: Optional[str] = None,
    ) -> None:
        """Add rows to an import: `POST /v1/audiences/{number}/imports/{id}/rows`.

        At most 8 MiB a request. A row that is wrong is left out and listed; the others are taken.

        Needs the scope `manage`.
        """
        self._nothing("POST", f"/v1/audiences/{segment(number)}/imports/{segment(id)}/rows", body=body, once=True, idempotency_key=idempotency_key)

    def list_rejected_rows(
        self,
        number: int,
        id: str,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
    ) -> Iterator[t.RejectedRow]:
        """List the rows that an import leaves out: `GET /v1/audiences/{number}/imports/{id}/rejected`.

        In the order of their lines.

        Needs the scope `read`.
        """
        return self._entries(lambda at: self.list_rejected_rows_page(number, id, limit=limit, cursor=at), cursor)

    def list_rejected_rows_page(
        self,
        number: int,
        id: str,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
    ) -> Page[t.RejectedRow]:
        """One page of list_rejected_rows, for callers who keep the cursor by themselves."""
        return self._page("GET", f"/v1/audiences/{segment(number)}/imports/{segment(id)}/rejected", query={"cursor": cursor, "limit": limit})

    def start_import(
        self,
        number: int,
        id: str,
        body: Optional[t.StartImport] = None,
        *,
        idempotency_key: Optional[str] = None,
    ) -> t.Import:
        """Start an import: `POST /v1/audiences/{number}/imports/{id}/start`.

        It is applied in the background. A replacement that removes more than 20 % of the members,
        or leaves rows out while it removes members, is refused unless it is forced.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/audiences/{segment(number)}/imports/{segment(id)}/start", body=body or {}, once=True, idempotency_key=idempotency_key)

    def enter_audience(self, number: int, id: str, body: Optional[t.PutProfile] = None) -> None:
        """Put a profile into an audience: `PATCH /v1/audiences/{number}/members/{id}`.

        The body changes the profile, as `PATCH /v1/profiles/{id}` does. Repeating it changes
        nothing.

        Needs the scope `manage`.
        """
        self._nothing("PATCH", f"/v1/audiences/{segment(number)}/members/{segment(id)}", body=body or {})

    def leave_audience(self, number: int, id: str) -> None:
        """Take a profile out of an audience: `DELETE /v1/audiences/{number}/members/{id}`.

        Repeating it changes nothing.

        Needs the scope `manage`.
        """
        self._nothing("DELETE", f"/v1/audiences/{segment(number)}/members/{segment(id)}")

    def list_journeys(self) -> List[t.Journey]:
        """List the journeys: `GET /v1/journeys`.

        The list is never paged.

        Needs the scope `read`.
        """
        return self._list("GET", "/v1/journeys")

    def create_journey(self, body: t.CreateJourney, *, idempotency_key: Optional[str] = None) -> t.JourneyDetail:
        """Make a journey: `POST /v1/journeys`.

        What is wrong with the document is told with line and column. It takes profiles in at once,
        unless `mode` says otherwise.

        Needs the scope `manage`.
        """
        return self._json("POST", "/v1/journeys", body=body, once=True, idempotency_key=idempotency_key)

    def dry_run_journey(self, body: t.DryRun, *, idempotency_key: Optional[str] = None) -> t.DryRunResult:
        """Walk a profile through a journey in virtual time: `POST /v1/journeys/dry-run`.

        Nothing is stored and nothing is sent. The profile and its events are those of the request.

        Needs the scope `read`.
        """
        return self._json("POST", "/v1/journeys/dry-run", body=body, once=True, idempotency_key=idempotency_key)

    def get_journey(self, number: int) -> t.JourneyDetail:
        """Get a journey, and where profiles stand in it: `GET /v1/journeys/{number}`.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/journeys/{segment(number)}")

    def update_journey(self, number: int, body: t.UpdateJourney) -> t.JourneyDetail:
        """Publish a version of a journey, pause it, drain it, stop it, or go on: `PATCH
        /v1/journeys/{number}`.

        Needs the scope `manage`.
        """
        return self._json("PATCH", f"/v1/journeys/{segment(number)}", body=body)

    def delete_journey(self, number: int) -> None:
        """Delete a journey that nobody is inside of: `DELETE /v1/journeys/{number}`.

        Needs the scope `manage`.
        """
        self._nothing("DELETE", f"/v1/journeys/{segment(number)}")

    def move_journey(self, number: int, body: t.MoveJourney, *, idempotency_key: Optional[str] = None) -> t.JourneyMove:
        """Move profiles to the current version of a journey: `POST /v1/journeys/{number}/move`.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/journeys/{segment(number)}/move", body=body, once=True, idempotency_key=idempotency_key)

    def retry_journey(self, number: int, *, idempotency_key: Optional[str] = None) -> t.RetriedEnrolments:
        """Have all failed enrolments of a journey take their steps again: `POST
        /v1/journeys/{number}/retry`.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/journeys/{segment(number)}/retry", once=True, idempotency_key=idempotency_key)

    def list_enrolments(
        self,
        number: int,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        state: Optional[Literal["running", "waiting", "failed", "done", "exited"]] = None,
        step: Optional[str] = None,
        profile_id: Optional[str] = None,
    ) -> Iterator[t.Enrolment]:
        """List the profiles in a journey: `GET /v1/journeys/{number}/enrolments`.

        The newest first, those that have ended among them.

        Needs the scope `read`.
        """
        return self._entries(lambda at: self.list_enrolments_page(number, limit=limit, state=state, step=step, profile_id=profile_id, cursor=at), cursor)

    def list_enrolments_page(
        self,
        number: int,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        state: Optional[Literal["running", "waiting", "failed", "done", "exited"]] = None,
        step: Optional[str] = None,
        profile_id: Optional[str] = None,
    ) -> Page[t.Enrolment]:
        """One page of list_enrolments, for callers who keep the cursor by themselves."""
        return self._page("GET", f"/v1/journeys/{segment(number)}/enrolments", query={"cursor": cursor, "limit": limit, "state": state, "step": step, "profileId": profile_id})

    def get_enrolment(self, number: int, id: str) -> t.EnrolmentDetail:
        """Get a profile in a journey, with its steps and sends: `GET
        /v1/journeys/{number}/enrolments/{id}`.

        Needs the scope `read`.
        """
        return self._json("GET", f"/v1/journeys/{segment(number)}/enrolments/{segment(id)}")

    def retry_enrolment(self, number: int, id: str, *, idempotency_key: Optional[str] = None) -> t.Enrolment:
        """Have a failed enrolment take its step again: `POST
        /v1/journeys/{number}/enrolments/{id}/retry`.

        Needs the scope `manage`.
        """
        return self._json("POST", f"/v1/journeys/{segment(number)}/enrolments/{segment(id)}/retry", once=True, idempotency_key=idempotency_key)

    def list_audit(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        action: Optional[str] = None,
        actor: Optional[str] = None,
        target: Optional[str] = None,
        since: Optional[Timestamp] = None,
        until: Optional[Timestamp] = None,
        of: Optional[Literal["tenant", "platform"]] = None,
    ) -> Iterator[t.AuditEntry]:
        """List changes: `GET /v1/audit`.

        Who made which change, from where, the newest first. An entry and its change are stored in
        one transaction. Only actions on deliveries (`delivery.retry`, `delivery.cancel`,
        `event.resend`) and encryption keys are logged just before they happen. Credentials are
        shown as `***`; of objects larger than 64 KiB only the size is kept.

        Needs the scope `admin`.
        """
        return self._entries(lambda at: self.list_audit_page(limit=limit, action=action, actor=actor, target=target, since=since, until=until, of=of, cursor=at), cursor)

    def list_audit_page(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        action: Optional[str] = None,
        actor: Optional[str] = None,
        target: Optional[str] = None,
        since: Optional[Timestamp] = None,
        until: Optional[Timestamp] = None,
        of: Optional[Literal["tenant", "platform"]] = None,
    ) -> Page[t.AuditEntry]:
        """One page of list_audit, for callers who keep the cursor by themselves."""
        return self._page("GET", "/v1/audit", query={"cursor": cursor, "limit": limit, "action": action, "actor": actor, "target": target, "since": since, "until": until, "of": of})

    def export_audit(
        self,
        *,
        action: Optional[str] = None,
        actor: Optional[str] = None,
        target: Optional[str] = None,
        since: Optional[Timestamp] = None,
        until: Optional[Timestamp] = None,
        of: Optional[Literal["tenant", "platform"]] = None,
        format: Optional[Literal["ndjson", "csv"]] = None,
    ) -> Answer:
        """Export changes: `GET /v1/audit/export`.

        All entries that the filters select, the newest first, of any length: as lines of JSON, each
        like an entry of the list, or as CSV (UTF-8, RFC 4180 with plain line feeds, a line of names
        first). In CSV, what a spreadsheet would take for a formula gets an apostrophe before it. An
        export that ends early was cut off: its last line has no line end. The export itself is an
        entry of the log.

        Needs the scope `admin`.
        """
        return self._open("GET", "/v1/audit/export", query={"action": action, "actor": actor, "target": target, "since": since, "until": until, "of": of, "format": format})

    def get_stats(
        self,
        *,
        webhook_id: Optional[str] = None,
        from_: Optional[Timestamp] = None,
        to: Optional[Timestamp] = None,
        step: Optional[Duration] = None,
    ) -> t.Stats:
        """Count attempts over time: `GET /v1/stats`.

        Needs the scope `read`.
        """
        return self._json("GET", "/v1/stats", query={"webhookId": webhook_id, "from": from_, "to": to, "step": step})

    def get_stats_breakdown(
        self,
        *,
        webhook_id: Optional[str] = None,
        each: Optional[bool] = None,
        from_: Optional[Timestamp] = None,
        to: Optional[Timestamp] = None,
    ) -> t.Breakdown:
        """Count attempts by status, error, type and duration: `GET /v1/stats/breakdown`.

        In whole hours, UTC: those that have a part between `from` and `to`. Attempts count some
        seconds after they were made; a server that crashes loses those of its last seconds here,
        and not in the log. Several attempts in one request of a batch count once.

        Needs the scope `read`.
        """
        return self._json("GET", "/v1/stats/breakdown", query={"webhookId": webhook_id, "each": each, "from": from_, "to": to})

    def get_backlog(self) -> t.Backlog:
        """Count what waits to be delivered: `GET /v1/stats/backlog`.

        Deliveries in the memory of a server, which go out at once, do not wait and are not counted.
        Webhooks of REST hooks, of the gate and of connections are left out.

        Needs the scope `read`.
        """
        return self._json("GET", "/v1/stats/backlog")

    def get_egress_ips(self) -> t.EgressIPs:
        """List the addresses that requests to webhooks come from: `GET /v1/egress-ips`.

        For receivers that let only known addresses through. The operator of this server states them
        (setting `egress.ips`); a signature tells more than an address.

        Needs the scope `read`.
        """
        return self._json("GET", "/v1/egress-ips")

    def whoami(self) -> t.Whoami:
        """Show who is calling: `GET /v1/whoami`.

        The tenant that the key or the session acts for, and what it may do there.

        Needs a key of any scope, or the session of a person who has signed in.
        """
        return self._json("GET", "/v1/whoami")

    def list_keys(self) -> List[t.Key]:
        """List keys: `GET /v1/keys`.

        Revoked and expired ones included, the oldest first. The list is never paged.

        Needs the scope `admin`.
        """
        return self._list("GET", "/v1/keys")

    def create_key(self, body: t.CreateKey, *, idempotency_key: Optional[str] = None) -> t.Key:
        """Create a key: `POST /v1/keys`.

        The answer shows the key, for the only time: only a hash of it is stored.

        Needs the scope `admin`.
        """
        return self._json("POST", "/v1/keys", body=body, once=True, idempotency_key=idempotency_key)

    def replace_key(
        self,
        id: str,
        body: Optional[t.ReplaceKey] = None,
        *,
        idempotency_key: Optional[str] = None,
    ) -> t.Key:
        """Replace a key: `POST /v1/keys/{id}/replace`.

        Creates a key with the same name, scopes and limits, and lets the old one end at once or
        after `overlap`, so that programs can change to the new one meanwhile. The answer shows the
        new key, for the only time. The operator's key is replaced in the settings of the server.

        Needs the scope `admin`.
        """
        return self._json("POST", f"/v1/keys/{segment(id)}/replace", body=body or {}, once=True, idempotency_key=idempotency_key)

    def revoke_key(self, id: str) -> None:
        """Revoke a key: `DELETE /v1/keys/{id}`.

        It is refused from the next request on. It stays in the list. A key with a scope that the
        caller's key lacks cannot be revoked, nor can the operator's key by another.

        Needs the scope `admin`.
        """
        self._nothing("DELETE", f"/v1/keys/{segment(id)}")

    def get_portal(self) -> t.Portal:
        """Get the portal's settings: `GET /v1/portal`.

        Needs the scope `read`.
        """
        return self._json("GET", "/v1/portal")

    def update_portal(self, body: t.UpdatePortal) -> t.Portal:
        """Change the portal's settings: `PATCH /v1/portal`.

        How the pages look that your customers see, and which sites may embed them. What is left out
        stays as it is.

        Needs the scope `admin`.
        """
        return self._json("PATCH", "/v1/portal", body=body)

    def list_portal_words(self, *, language: Optional[Literal["en", "de", "da"]] = None) -> List[t.PortalWord]:
        """List the words of the portal's pages: `GET /v1/portal/words`.

        By the alphabet. The list is never paged.

        Needs the scope `read`.
        """
        return self._list("GET", "/v1/portal/words", query={"language": language})

    def list_portal_links(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        session_id: Optional[str] = None,
    ) -> Iterator[t.PortalLink]:
        """List links into the portal: `GET /v1/portal-links`.

        Those that can still be opened, the oldest first. Their addresses are not shown again.

        Needs the scope `manage`.
        """
        return self._entries(lambda at: self.list_portal_links_page(limit=limit, session_id=session_id, cursor=at), cursor)

    def list_portal_links_page(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        session_id: Optional[str] = None,
    ) -> Page[t.PortalLink]:
        """One page of list_portal_links, for callers who keep the cursor by themselves."""
        return self._page("GET", "/v1/portal-links", query={"cursor": cursor, "limit": limit, "sessionId": session_id})

    def create_portal_link(self, body: t.CreatePortalLink, *, idempotency_key: Optional[str] = None) -> t.PortalLink:
        """Make a link into the portal: `POST /v1/portal-links`.

        The answer shows its address, for the only time. Your server makes one whenever a customer
        opens the page with the frame.

        Needs the scope `manage`.
        """
        return self._json("POST", "/v1/portal-links", body=body, once=True, idempotency_key=idempotency_key)

    def end_portal_session(self, *, session_id: Optional[str] = None) -> None:
        """End the portal sessions of a session: `DELETE /v1/portal-links`.

        Withdraws all links made for the session of your product, and ends at once what was begun by
        them, at every server. Call it when the customer signs out. That there are none is no error.

        Needs the scope `manage`.
        """
        self._nothing("DELETE", "/v1/portal-links", query={"sessionId": session_id})

    def delete_portal_link(self, id: str) -> None:
        """Withdraw a link into the portal: `DELETE /v1/portal-links/{id}`.

        Ends the sessions begun by it, too.

        Needs the scope `manage`.
        """
        self._nothing("DELETE", f"/v1/portal-links/{segment(id)}")

    def list_users(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        role: Optional[Literal["viewer", "member", "admin", "operator"]] = None,
        state: Optional[Literal["invited", "active", "disabled"]] = None,
        email: Optional[str] = None,
    ) -> Iterator[t.User]:
        """List users: `GET /v1/users`.

        In the order of their e-mail addresses. Operators belong to no tenant: `role=operator` lists
        them, to whoever runs the platform.

        Needs the scope `admin`.
        """
        return self._entries(lambda at: self.list_users_page(limit=limit, role=role, state=state, email=email, cursor=at), cursor)

    def list_users_page(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        role: Optional[Literal["viewer", "member", "admin", "operator"]] = None,
        state: Optional[Literal["invited", "active", "disabled"]] = None,
        email: Optional[str] = None,
    ) -> Page[t.User]:
        """One page of list_users, for callers who keep the cursor by themselves."""
        return self._page("GET", "/v1/users", query={"cursor": cursor, "limit": limit, "role": role, "state": state, "email": email})

    def invite_user(self, body: t.InviteUser, *, idempotency_key: Optional[str] = None) -> t.User:
        """Invite a user: `POST /v1/users`.

        The answer shows a token, for the only time. Its holder accepts with `POST /v1/session/link`
        within seven days, and chooses a password, unless they have one at this installation, which
        they then prove. Until they accept they may do nothing.

        Needs the scope `admin`.
        """
        return self._json("POST", "/v1/users", body=body, once=True, idempotency_key=idempotency_key)

    def get_user(self, id: str) -> t.User:
        """Get a user: `GET /v1/users/{id}`.

        Needs the scope `admin`.
        """
        return self._json("GET", f"/v1/users/{segment(id)}")

    def update_user(self, id: str, body: t.UpdateUser) -> t.User:
        """Change a user's name or role: `PATCH /v1/users/{id}`.

        A new role holds from the person's next request on. Nobody changes their own.

        Needs the scope `admin`.
        """
        return self._json("PATCH", f"/v1/users/{segment(id)}", body=body)

    def delete_user(self, id: str) -> None:
        """Remove a user from the tenant: `DELETE /v1/users/{id}`.

        An invitation that was not accepted is withdrawn. With a person's last tenant go their
        password and their sessions.

        Needs the scope `admin`.
        """
        self._nothing("DELETE", f"/v1/users/{segment(id)}")

    def disable_user(self, id: str, *, idempotency_key: Optional[str] = None) -> t.User:
        """Disable a user: `POST /v1/users/{id}/disable`.

        From their next request on they may do nothing in the tenant, until they are enabled. In
        other tenants they stay as they are.

        Needs the scope `admin`.
        """
        return self._json("POST", f"/v1/users/{segment(id)}/disable", once=True, idempotency_key=idempotency_key)

    def enable_user(self, id: str, *, idempotency_key: Optional[str] = None) -> t.User:
        """Enable a user: `POST /v1/users/{id}/enable`.

        Needs the scope `admin`.
        """
        return self._json("POST", f"/v1/users/{segment(id)}/enable", once=True, idempotency_key=idempotency_key)

    def invite_user_again(self, id: str, *, idempotency_key: Optional[str] = None) -> t.User:
        """Make a new token for an invitation: `POST /v1/users/{id}/invite`.

        The one before is no longer valid.

        Needs the scope `admin`.
        """
        return self._json("POST", f"/v1/users/{segment(id)}/invite", once=True, idempotency_key=idempotency_key)

    def make_login_link(self, id: str, *, idempotency_key: Optional[str] = None) -> t.User:
        """Make a token that sets a new password: `POST /v1/users/{id}/login-link`.

        For somebody who has lost their password. The token holds for an hour, and for one use with
        `POST /v1/session/link`, which ends the person's sessions. It opens all of their tenants; so
        only the platform may make one.

        Needs the scope `platform`.
        """
        return self._json("POST", f"/v1/users/{segment(id)}/login-link", once=True, idempotency_key=idempotency_key)

    def disable_user_second_factor(self, id: str) -> t.User:
        """Disable a user's second factor: `DELETE /v1/users/{id}/second-factor`.

        For somebody who has lost their app and their recovery codes, or the device with their
        passkey. Removes their passkeys, too. Of a person who signs in elsewhere, too, only the
        platform can do it.

        Needs the scope `admin`.
        """
        return self._json("DELETE", f"/v1/users/{segment(id)}/second-factor")

    def get_sign_in(self, *, of: Optional[Literal["tenant", "platform"]] = None) -> t.SignIn:
        """Get how people sign in: `GET /v1/sign-in`.

        Needs the scope `admin`.
        """
        return self._json("GET", "/v1/sign-in", query={"of": of})

    def update_sign_in(
        self,
        body: t.UpdateSignIn,
        *,
        of: Optional[Literal["tenant", "platform"]] = None,
    ) -> t.SignIn:
        """Change how people sign in: `PATCH /v1/sign-in`.

        Holds from everybody's next request on. An operator has the role of an admin in each tenant.

        Needs the scope `admin`.
        """
        return self._json("PATCH", "/v1/sign-in", body=body, query={"of": of})

    def list_sign_in_providers(self) -> List[t.SignInProvider]:
        """List identity providers: `GET /v1/sign-in/providers`.

        Those by which people sign in to the installation (OpenID Connect), the oldest first. The
        list is never paged.

        Needs the scope `platform`.
        """
        return self._list("GET", "/v1/sign-in/providers")

    def create_sign_in_provider(self, body: t.CreateSignInProvider, *, idempotency_key: Optional[str] = None) -> t.SignInProvider:
        """Add an identity provider: `POST /v1/sign-in/providers`.

        The login page then offers it. Relay asks the provider for nothing before somebody signs in.
        Its host may have a private address.

        Needs the scope `platform`.
        """
        return self._json("POST", "/v1/sign-in/providers", body=body, once=True, idempotency_key=idempotency_key)

    def get_sign_in_provider(self, name: str) -> t.SignInProvider:
        """Get an identity provider: `GET /v1/sign-in/providers/{name}`.

        Needs the scope `platform`.
        """
        return self._json("GET", f"/v1/sign-in/providers/{segment(name)}")

    def update_sign_in_provider(self, name: str, body: t.UpdateSignInProvider) -> t.SignInProvider:
        """Change an identity provider: `PATCH /v1/sign-in/providers/{name}`.

        Holds for sign-ins from now on; sessions go on.

        Needs the scope `platform`.
        """
        return self._json("PATCH", f"/v1/sign-in/providers/{segment(name)}", body=body)

    def delete_sign_in_provider(self, name: str) -> None:
        """Delete an identity provider: `DELETE /v1/sign-in/providers/{name}`.

        Accounts and sessions stay, with the roles that it gave; nobody signs in by it any longer.

        Needs the scope `platform`.
        """
        self._nothing("DELETE", f"/v1/sign-in/providers/{segment(name)}")

    def sign_in(self, body: t.Login) -> t.Account:
        """Sign in: `POST /v1/session`.

        For browsers: the answer sets a cookie, by which every other call knows the person. Programs
        send a key instead. The answer to a wrong address or password is the same whatever is wrong.
        After five failures for an account, or from an address, each further one doubles the wait
        that `429` and `Retry-After` tell, up to 15 minutes. Without HTTPS, sessions begin on this
        machine only, unless `publicUrl` says so.
        """
        return self._json("POST", "/v1/session", body=body)

    def get_session(self) -> t.Account:
        """Who am I?: `GET /v1/session`.

        Needs the session of a person who has signed in.
        """
        return self._json("GET", "/v1/session")

    def sign_out(self) -> None:
        """Sign out: `DELETE /v1/session`.

        Needs the session of a person who has signed in.
        """
        self._nothing("DELETE", "/v1/session")

    def sign_in_by_link(self, body: t.LoginByLink) -> t.Account:
        """Accept an invitation, or set a new password: `POST /v1/session/link`.

        Uses up the token of an invitation or of a login link, and signs in as `signIn` does.
        Passwords have 12 characters or more and are not among those that everybody tries first.
        """
        return self._json("POST", "/v1/session/link", body=body)

    def sign_in_by_code(self, body: t.LoginByCode) -> t.Account:
        """Prove the second factor: `POST /v1/session/code`.

        The second step of somebody who has a second factor: `signIn` and `signInByLink` then answer
        a token, which waits for five minutes, and set no cookie. Wrong codes are counted as wrong
        passwords are.
        """
        return self._json("POST", "/v1/session/code", body=body)

    def get_passkey_options(self) -> t.PasskeyOptions:
        """Begin to sign in by a passkey: `GET /v1/session/passkey`.

        For pages that call `navigator.credentials.get`; its answer is for `signInByPasskey` or
        `confirmSession`, within an hour and once. Passkeys belong to the name in `publicUrl`, over
        HTTPS; without `publicUrl` to `localhost`. At an address without a name the answer is `409`.
        """
        return self._json("GET", "/v1/session/passkey")

    def sign_in_by_passkey(self, body: t.LoginByPasskey) -> t.Account:
        """Sign in by a passkey: `POST /v1/session/passkey`.

        Neither address nor password is needed. A passkey is two factors, so the sign-in waits for
        no other, and counts as a proof for `confirmSession`. A passkey whose counter has not risen
        since its last use may have been copied, and is refused.
        """
        return self._json("POST", "/v1/session/passkey", body=body)

    def confirm_session(self, body: t.ConfirmSession, *, idempotency_key: Optional[str] = None) -> None:
        """Prove that it is you: `POST /v1/session/confirm`.

        For ten minutes after a sign-in, or after this call, a session may change keys, users and
        how people sign in, delete a tenant and replace encryption keys. Programs send a key, which
        needs none of this. A session that begins by a passkey counts as proved. Somebody who signs
        in by an identity provider, and has neither password nor second factor here, signs in again
        at `/login/oidc/NAME?again=1`.

        Needs the session of a person who has signed in.
        """
        self._nothing("POST", "/v1/session/confirm", body=body, once=True, idempotency_key=idempotency_key)

    def list_sessions(self) -> List[t.Session]:
        """List your sessions: `GET /v1/sessions`.

        The last used first, at most 100. The list is never paged.

        Needs the session of a person who has signed in.
        """
        return self._list("GET", "/v1/sessions")

    def sign_out_everywhere(self) -> None:
        """Sign out everywhere: `DELETE /v1/sessions`.

        Ends all your sessions, this one as well, at every server at once.

        Needs the session of a person who has signed in.
        """
        self._nothing("DELETE", "/v1/sessions")

    def end_session(self, id: str) -> None:
        """End one of your sessions: `DELETE /v1/sessions/{id}`.

        Needs the session of a person who has signed in.
        """
        self._nothing("DELETE", f"/v1/sessions/{segment(id)}")

    def change_password(self, body: t.ChangePassword, *, idempotency_key: Optional[str] = None) -> None:
        """Change your password: `POST /v1/password`.

        Ends all your other sessions.

        Needs the session of a person who has signed in.
        """
        self._nothing("POST", "/v1/password", body=body, once=True, idempotency_key=idempotency_key)

    def list_passkeys(self) -> List[t.Passkey]:
        """List your passkeys: `GET /v1/passkeys`.

        The oldest first, at most 20. The list is never paged.

        Needs the session of a person who has signed in.
        """
        return self._list("GET", "/v1/passkeys")

    def add_passkey(self, body: t.AddPasskey, *, idempotency_key: Optional[str] = None) -> t.Passkey:
        """Add a passkey: `POST /v1/passkeys`.

        Needs the session of a person who has signed in.
        """
        return self._json("POST", "/v1/passkeys", body=body, once=True, idempotency_key=idempotency_key)

    def get_new_passkey_options(self) -> t.PasskeyOptions:
        """Begin to add a passkey: `GET /v1/passkeys/options`.

        For pages that call `navigator.credentials.create`; its answer is for `addPasskey`, within
        ten minutes, in the same session and once.

        Needs the session of a person who has signed in.
        """
        return self._json("GET", "/v1/passkeys/options")

    def rename_passkey(self, id: str, body: t.UpdatePasskey) -> t.Passkey:
        """Rename a passkey: `PATCH /v1/passkeys/{id}`.

        Needs the session of a person who has signed in.
        """
        return self._json("PATCH", f"/v1/passkeys/{segment(id)}", body=body)

    def remove_passkey(self, id: str) -> None:
        """Remove a passkey: `DELETE /v1/passkeys/{id}`.

        It signs nobody in from then on. Sessions go on. The authenticator keeps its part until its
        owner deletes that.

        Needs the session of a person who has signed in.
        """
        self._nothing("DELETE", f"/v1/passkeys/{segment(id)}")

    def get_second_factor(self) -> t.SecondFactor:
        """Get your second factor: `GET /v1/second-factor`.

        Needs the session of a person who has signed in.
        """
        return self._json("GET", "/v1/second-factor")

    def set_up_second_factor(
        self,
        body: Optional[t.SetUpSecondFactor] = None,
        *,
        idempotency_key: Optional[str] = None,
    ) -> t.SecondFactorSetup:
        """Begin to set up a second factor: `POST /v1/second-factor`.

        Makes a new secret for an authenticator app: codes of six digits, a new one every 30
        seconds, as in RFC 6238. It holds once `confirmSecondFactor` has seen a code, within ten
        minutes.

        Needs the session of a person who has signed in.
        """
        return self._json("POST", "/v1/second-factor", body=body or {}, once=True, idempotency_key=idempotency_key)

    def confirm_second_factor(self, body: t.Code, *, idempotency_key: Optional[str] = None) -> t.RecoveryCodes:
        """Enable your second factor: `POST /v1/second-factor/confirm`.

        Takes a code of the app. Ends all your other sessions, and answers ten recovery codes, for
        the only time.

        Needs the session of a person who has signed in.
        """
        return self._json("POST", "/v1/second-factor/confirm", body=body, once=True, idempotency_key=idempotency_key)

    def renew_recovery_codes(self, body: t.Code, *, idempotency_key: Optional[str] = None) -> t.RecoveryCodes:
        """Replace your recovery codes: `POST /v1/second-factor/recovery-codes`.

        Takes a code. Those before are no longer taken.

        Needs the session of a person who has signed in.
        """
        return self._json("POST", "/v1/second-factor/recovery-codes", body=body, once=True, idempotency_key=idempotency_key)

    def disable_second_factor(self, body: t.Code, *, idempotency_key: Optional[str] = None) -> None:
        """Disable your second factor: `POST /v1/second-factor/disable`.

        Takes a code, or a recovery code.

        Needs the session of a person who has signed in.
        """
        self._nothing("POST", "/v1/second-factor/disable", body=body, once=True, idempotency_key=idempotency_key)

    def list_tenants(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        state: Optional[Literal["active", "suspended", "deleted"]] = None,
    ) -> Iterator[t.Tenant]:
        """List tenants: `GET /v1/tenants`.

        In the order of their ids.

        Needs the scope `platform`.
        """
        return self._entries(lambda at: self.list_tenants_page(limit=limit, state=state, cursor=at), cursor)

    def list_tenants_page(
        self,
        *,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
        state: Optional[Literal["active", "suspended", "deleted"]] = None,
    ) -> Page[t.Tenant]:
        """One page of list_tenants, for callers who keep the cursor by themselves."""
        return self._page("GET", "/v1/tenants", query={"cursor": cursor, "limit": limit, "state": state})

    def create_tenant(self, body: t.CreateTenant, *, idempotency_key: Optional[str] = None) -> t.Tenant:
        """Create a tenant: `POST /v1/tenants`.

        Act for it with a platform key and the header `Relay-Tenant`: create its first key with
        `POST /v1/keys`, or invite its first admin with `POST /v1/users`.

        Needs the scope `platform`.
        """
        return self._json("POST", "/v1/tenants", body=body, once=True, idempotency_key=idempotency_key)

    def get_tenant(self, id: str) -> t.Tenant:
        """Get a tenant: `GET /v1/tenants/{id}`.

        Needs the scope `platform`.
        """
        return self._json("GET", f"/v1/tenants/{segment(id)}")

    def update_tenant(self, id: str, body: t.UpdateTenant) -> t.Tenant:
        """Change a tenant: `PATCH /v1/tenants/{id}`.

        Members that are left out stay as they are.

        Needs the scope `platform`.
        """
        return self._json("PATCH", f"/v1/tenants/{segment(id)}", body=body)

    def delete_tenant(self, id: str, *, confirm: Optional[str] = None) -> t.Tenant:
        """Delete a tenant: `DELETE /v1/tenants/{id}`.

        Nobody of the tenant can do anything from then on. After seven days, in which `POST
        /v1/tenants/{id}/restore` takes it back, all its data are erased. The tenant `default`
        stays.

        Needs the scope `platform`.
        """
        return self._json("DELETE", f"/v1/tenants/{segment(id)}", query={"confirm": confirm})

    def restore_tenant(self, id: str, *, idempotency_key: Optional[str] = None) -> t.Tenant:
        """Take the deletion of a tenant back: `POST /v1/tenants/{id}/restore`.

        It is as it was before: active or suspended.

        Needs the scope `platform`.
        """
        return self._json("POST", f"/v1/tenants/{segment(id)}/restore", once=True, idempotency_key=idempotency_key)

    def suspend_tenant(self, id: str, *, idempotency_key: Optional[str] = None) -> t.Tenant:
        """Suspend a tenant: `POST /v1/tenants/{id}/suspend`.

        Its events and changes are refused with `403`, and its deliveries wait; it can still be
        looked at. All servers follow within two seconds. The time does not count as age of its
        deliveries.

        Needs the scope `platform`.
        """
        return self._json("POST", f"/v1/tenants/{segment(id)}/suspend", once=True, idempotency_key=idempotency_key)

    def resume_tenant(self, id: str, *, idempotency_key: Optional[str] = None) -> t.Tenant:
        """Resume a suspended tenant: `POST /v1/tenants/{id}/resume`.

        Deliveries that have waited go out.

        Needs the scope `platform`.
        """
        return self._json("POST", f"/v1/tenants/{segment(id)}/resume", once=True, idempotency_key=idempotency_key)

    def list_plans(self) -> List[t.Plan]:
        """List plans: `GET /v1/plans`.

        Those that come with Relay, and then the others, the oldest first. The list is never paged.

        Needs the scope `platform`.
        """
        return self._list("GET", "/v1/plans")

    def create_plan(self, body: t.CreatePlan, *, idempotency_key: Optional[str] = None) -> t.Plan:
        """Create a plan: `POST /v1/plans`.

        Needs the scope `platform`.
        """
        return self._json("POST", "/v1/plans", body=body, once=True, idempotency_key=idempotency_key)

    def get_plan(self, name: str) -> t.Plan:
        """Get a plan: `GET /v1/plans/{name}`.

        Needs the scope `platform`.
        """
        return self._json("GET", f"/v1/plans/{segment(name)}")

    def update_plan(self, name: str, body: t.UpdatePlan) -> t.Plan:
        """Change a plan: `PATCH /v1/plans/{name}`.

        Holds for all tenants that have it. One that has more than it allows then keeps what it has;
        nothing is deleted or paused. It cannot create or resume any until it has less.

        Needs the scope `platform`.
        """
        return self._json("PATCH", f"/v1/plans/{segment(name)}", body=body)

    def delete_plan(self, name: str) -> None:
        """Delete a plan: `DELETE /v1/plans/{name}`.

        One that no tenant has. A plan that comes with Relay becomes as it was shipped.

        Needs the scope `platform`.
        """
        self._nothing("DELETE", f"/v1/plans/{segment(name)}")

    def get_usage(self) -> t.Usage:
        """How much of the plan is used?: `GET /v1/usage`.

        Needs the scope `read`.
        """
        return self._json("GET", "/v1/usage")

    def rotate_encryption_keys(
        self,
        body: Optional[t.RotateEncryption] = None,
        *,
        idempotency_key: Optional[str] = None,
    ) -> t.RotatedEncryption:
        """Replace the keys that encrypt secrets at rest: `POST /v1/encryption-keys/rotate`.

        Makes a new key, seals the signing secrets, credentials and headers of all webhooks with it,
        and removes what the old key had sealed from the files. Deliveries continue. If it is
        interrupted, the next start completes it, or calling it again.

        Needs the scope `platform`.
        """
        return self._json("POST", "/v1/encryption-keys/rotate", body=body or {}, once=True, idempotency_key=idempotency_key)

    def get_liveness(self) -> t.Probe:
        """Is the process alive?: `GET /livez`.

        Answers as long as requests are served at all.
        """
        return self._json("GET", "/livez")

    def get_readiness(self) -> t.Probe:
        """Can the process take requests?: `GET /readyz`.

        503 with the reason when it cannot: the store does not answer, or start-up is not over.
        """
        return self._json("GET", "/readyz")

    def get_connector_schema(self) -> Answer:
        """The JSON Schema of definitions: `GET /schemas/connector-1.json`.

        For editors and for programs that write definitions. Relay itself checks more, expressions
        for example: see checkConnector.
        """
        return self._open("GET", "/schemas/connector-1.json")

    def get_document(self) -> t.OpenAPIDocument:
        """This document, as OpenAPI 3.1: `GET /openapi.json`.

        Its `webhooks` are the events of the built-in packs and those about webhooks, as endpoints
        receive them in the format `relay`.
        """
        return self._json("GET", "/openapi.json")

    def get_docs(self) -> Answer:
        """This document, as a page: `GET /docs`.

        For people. It loads nothing from elsewhere.
        """
        return self._open("GET", "/docs")

    def get_zapier_package(self) -> Answer:
        """Download the integration for Zapier: `GET /v1/hooks/packages/zapier.zip`.

        A CLI app, made from the catalogue: a trigger for each event type, with its sample and
        fields.

        Needs the scope `hooks`.
        """
        return self._open("GET", "/v1/hooks/packages/zapier.zip")

    def get_n8n_package(self) -> Answer:
        """Download the node for n8n: `GET /v1/hooks/packages/n8n.zip`.

        A package with a trigger node, made from the catalogue.

        Needs the scope `hooks`.
        """
        return self._open("GET", "/v1/hooks/packages/n8n.zip")

    def get_make_app(self) -> Any:
        """Download the app for Make: `GET /v1/hooks/packages/make.json`.

        The sections of a custom app of Make, made from the catalogue.

        Needs the scope `hooks`.
        """
        return self._json("GET", "/v1/hooks/packages/make.json")

    def get_metrics(self) -> Answer:
        """Metrics for Prometheus: `GET /metrics`.

        In Prometheus' text format: see docs/operations.md. With the setting metricsListen they are
        on an address of their own.
        """
        return self._open("GET", "/metrics")

#!/usr/bin/env bash
# How folder.tar.gz and database.sql.gz were made, with the program as of commit 37148d0: it ran with --dev on
# 127.0.0.1:18080 and the admin key below, on a folder and then on an empty PostgreSQL; a program at 127.0.0.1:18081
# answered 200, and {"decision":"accept"} to /gate; nothing listened at 18082. After this script the server was killed
# (SIGKILL), the folder packed without *-shm, and the database dumped with pg_dump --inserts.
set -e
R=http://127.0.0.1:18080; K=rk_fixture_key_of_the_operator_1
H=(-H "Authorization: Bearer $K" -H 'Content-Type: application/json')
call() { curl -sS -f -X "$1" "$R$2" "${H[@]}" ${3:+-d "$3"}; echo; }
for i in $(seq 50); do curl -sf $R/readyz >/dev/null && break; sleep 0.2; done
call POST /v1/event-types '{"name":"order.created","description":"An order","schema":{"type":"object","required":["total"],"properties":{"total":{"type":"number"}}}}'
call PATCH /v1/catalogue '{"validation":"warn"}'
call POST /v1/derivation-rules '{"name":"big","on":"order.created","when":"event.data.total > 100","type":"order.big","data":"event.data"}'
call POST /v1/keys '{"name":"shop","scopes":["publish"]}'
OK=$(call POST /v1/webhooks '{"url":"http://127.0.0.1:18081/ok","description":"takes everything","events":["order.*","cut"],"headers":{"X-Own":"header s3cret"},"auth":{"type":"basic","username":"u","password":"auth s3cret"},"secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw","retry":{"attempts":5,"initialWait":"1h","maxAge":"744h"}}' | grep -o '"id":"wh_[^"]*' | cut -d'"' -f4)
DOWN=$(call POST /v1/webhooks '{"url":"http://127.0.0.1:18082/down","description":"refuses","events":["order.*"],"ordering":"fifo","retry":{"attempts":5,"initialWait":"1h","maxAge":"744h"}}' | grep -o '"id":"wh_[^"]*' | cut -d'"' -f4)
BATCH=$(call POST /v1/webhooks '{"url":"http://127.0.0.1:18082/batch","description":"in batches","events":["order.created"],"batch":{"maxEvents":10,"maxWait":"1s"},"retry":{"attempts":5,"initialWait":"1h","maxAge":"744h"}}' | grep -o '"id":"wh_[^"]*' | cut -d'"' -f4)
PAUSED=$(call POST /v1/webhooks '{"url":"http://127.0.0.1:18082/paused","description":"paused later","events":["order.created"],"filter":"event.data.total > 50","retry":{"attempts":5,"initialWait":"1h","maxAge":"744h"}}' | grep -o '"id":"wh_[^"]*' | cut -d'"' -f4)
for i in 1 2 3; do call POST /v1/events "{\"type\":\"order.created\",\"id\":\"order-$i\",\"key\":\"k$((i%2))\",\"data\":{\"total\":$((i*60)),\"note\":\"s\u00f8ren <&>\"}}"; done
call POST /v1/events '{"type":"order.created","id":"later","data":{"total":7},"deliverAt":"2026-12-05T00:00:00Z"}'
call PATCH /v1/gate '{"url":"http://127.0.0.1:18081/gate","enabled":true,"mode":"decide","auth":{"type":"apiKey","token":"gate s3cret"}}'
call POST /v1/campaigns '{"id":7,"name":"autumn"}'
call POST /v1/respondents '{"campaignId":7,"respondent":{"firstName":"Ann","emailAddress":"ann@example.com","phoneNumber":"+4512345678"}}'
call POST /v1/integrations/dixa/respondents '{"campaignId":7,"respondent":{"firstName":"Bo","emailAddress":"bo@example.com"}}'
sleep 2
call POST /v1/webhooks/$PAUSED/pause
call POST /v1/webhooks/$OK/replay '{"since":"2026-11-30T00:00:00Z"}'
sleep 1
call GET "/v1/deliveries?limit=50" | head -c 3000

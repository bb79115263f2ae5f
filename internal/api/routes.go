package api

import "github.com/relay-events/relay/internal/account"

// Routes returns the route table. Who calls what:
//
//	publish  the application that has events or respondents, with a key of the scope publish
//	read     dashboards, scripts and support, who look
//	manage   whoever sets webhooks and event types up, and repairs deliveries
//	admin    whoever hands out keys and configures the gate
//	platform whoever runs the installation
//	(none)   load balancers, Prometheus, people reading the documentation
func (a *API) Routes() []route {
	const (
		open     account.Scope = ""
		publish                = account.ScopePublish
		read                   = account.ScopeRead
		manage                 = account.ScopeManage
		admin                  = account.ScopeAdmin
		platform               = account.ScopePlatform
	)
	routes := []route{
		a.publishRoute(publish),
		handle(a, "GET /v1/events", read, docEventList, a.eventList),
		handle(a, "GET /v1/events/{id}", read, docEventGet, a.eventGet),
		handle(a, "GET /v1/events/{id}/deliveries", read, docEventDeliveries, a.eventDeliveries),
		handle(a, "GET /v1/events/{id}/explain", read, docEventExplain, a.eventExplain),
		handle(a, "POST /v1/events/{id}/resend", manage, docEventResend, a.eventResend),

		handle(a, "GET /v1/event-types", read, docTypeList, a.typeList),
		handle(a, "POST /v1/event-types", manage, docTypeCreate, a.typeCreate),
		handle(a, "POST /v1/event-types/import", manage, docTypeImport, a.typeImport),
		handle(a, "GET /v1/event-types/{name}", read, docTypeGet, a.typeGet),
		handle(a, "PATCH /v1/event-types/{name}", manage, docTypeUpdate, a.typeUpdate),
		handle(a, "DELETE /v1/event-types/{name}", manage, docTypeDelete, a.typeDelete),
		handle(a, "GET /v1/event-types/{name}/example", read, docTypeExample, a.typeExample),
		handle(a, "GET /v1/catalogue", read, docCatalogueGet, a.catalogueGet),
		handle(a, "PATCH /v1/catalogue", manage, docCatalogueUpdate, a.catalogueUpdate),
		handle(a, "GET /v1/derivation-rules", read, docRuleList, a.ruleList),
		handle(a, "POST /v1/derivation-rules", manage, docRuleCreate, a.ruleCreate),
		handle(a, "GET /v1/derivation-rules/{name}", read, docRuleGet, a.ruleGet),
		handle(a, "PATCH /v1/derivation-rules/{name}", manage, docRuleUpdate, a.ruleUpdate),
		handle(a, "DELETE /v1/derivation-rules/{name}", manage, docRuleDelete, a.ruleDelete),

		handle(a, "GET /v1/webhooks", read, docWebhookList, a.webhookList),
		handle(a, "POST /v1/webhooks", manage, docWebhookCreate, a.webhookCreate),
		handle(a, "GET /v1/webhooks/{id}", read, docWebhookGet, a.webhookGet),
		handle(a, "PATCH /v1/webhooks/{id}", manage, docWebhookUpdate, a.webhookUpdate),
		handle(a, "DELETE /v1/webhooks/{id}", manage, docWebhookDelete, a.webhookDelete),
		handle(a, "POST /v1/webhooks/{id}/test", manage, docWebhookTest, a.webhookTest),
		handle(a, "POST /v1/webhooks/{id}/preview", manage, docWebhookPreview, a.webhookPreview),
		handle(a, "POST /v1/webhooks/{id}/pause", manage, docWebhookPause, a.webhookPause),
		handle(a, "POST /v1/webhooks/{id}/resume", manage, docWebhookResume, a.webhookResume),
		handle(a, "POST /v1/webhooks/{id}/rotate-secret", manage, docWebhookRotate, a.webhookRotate),
		handle(a, "POST /v1/webhooks/{id}/recover", manage, docWebhookRecover, a.webhookRecover),
		handle(a, "POST /v1/webhooks/{id}/replay", manage, docWebhookReplay, a.webhookReplay),
		handle(a, "GET /v1/webhooks/{id}/attempts", read, docWebhookAttempts, a.webhookAttempts),

		handle(a, "GET /v1/attempts", read, docAttemptList, a.attemptList),
		handle(a, "GET /v1/attempts/{id}", read, docAttemptGet, a.attemptGet),
		handle(a, "GET /v1/deliveries", read, docDeliveryList, a.deliveryList),
		handle(a, "GET /v1/deliveries/{id}", read, docDeliveryGet, a.deliveryGet),
		handle(a, "POST /v1/deliveries/{id}/retry", manage, docDeliveryRetry, a.deliveryRetry),
		handle(a, "POST /v1/deliveries/{id}/cancel", manage, docDeliveryCancel, a.deliveryCancel),

		handle(a, "GET /v1/jobs", read, docJobList, a.jobList),
		handle(a, "GET /v1/jobs/{id}", read, docJobGet, a.jobGet),
		handle(a, "POST /v1/jobs/{id}/cancel", manage, docJobCancel, a.jobCancel),

		handle(a, "GET /v1/campaigns", read, docCampaignList, a.campaignList),
		handle(a, "POST /v1/campaigns", manage, docCampaignCreate, a.campaignCreate),
		handle(a, "GET /v1/campaigns/{id}", read, docCampaignGet, a.campaignGet),
		handle(a, "PATCH /v1/campaigns/{id}", manage, docCampaignUpdate, a.campaignUpdate),
		handle(a, "DELETE /v1/campaigns/{id}", manage, docCampaignDelete, a.campaignDelete),
		a.respondentAddRoute(publish),
		handle(a, "GET /v1/respondents", read, docRespondentList, a.respondentList),
		a.respondentExportRoute(read),
		handle(a, "POST /v1/respondents/erase", manage, docPersonErase, a.personErase),
		handle(a, "GET /v1/respondents/{id}", read, docRespondentGet, a.respondentGet),
		handle(a, "DELETE /v1/respondents/{id}", manage, docRespondentErase, a.respondentErase),
		handle(a, "POST /v1/respondents/{id}/retry", manage, docRespondentRetry, a.respondentRetry),
		a.receiveRoute(publish),

		handle(a, "GET /v1/gate", admin, docGateGet, a.gateGet),
		handle(a, "PATCH /v1/gate", admin, docGateUpdate, a.gateUpdate),
		handle(a, "POST /v1/gate/test", admin, docGateTest, a.gateTest),
		handle(a, "GET /v1/gate/attempts", admin, docGateAttempts, a.gateAttempts),
		handle(a, "GET /v1/integrations", read, docIntegrationList, a.integrationList),
		handle(a, "POST /v1/integrations", admin, docIntegrationCreate, a.integrationCreate),
		handle(a, "DELETE /v1/integrations/{name}", admin, docIntegrationDelete, a.integrationDelete),
		handle(a, "GET /v1/audit", admin, docAuditList, a.auditList),

		handle(a, "GET /v1/stats", read, docStats, a.stats),

		handle(a, "GET /v1/egress-ips", read, docEgressIPs, a.egressIPs),

		handle(a, "GET /v1/keys", admin, docKeyList, a.keyList),
		handle(a, "POST /v1/keys", admin, docKeyCreate, a.keyCreate),
		handle(a, "DELETE /v1/keys/{id}", admin, docKeyRevoke, a.keyRevoke),

		handle(a, "POST /v1/encryption-keys/rotate", platform, docEncryptionRotate, a.encryptionRotate),

		handle(a, "GET /livez", open, docLive, a.live),
		handle(a, "GET /readyz", open, docReady, a.ready),
		a.openapiRoute(open),
		a.docsRoute(open),
	}
	if a.Metrics != nil {
		routes = append(routes, a.metricsRoute(open))
	}
	return routes
}

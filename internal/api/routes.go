package api

import "github.com/relay-events/relay/internal/access"

// Routes returns the route table. Each names the permission it needs; package access says who has it. Who calls what, by
// the scope of their key:
//
//	publish  the application that has events or respondents, with a key of the scope publish
//	read     dashboards, scripts and support, who look
//	manage   whoever sets webhooks and event types up, and repairs deliveries
//	admin    whoever hands out keys and configures the gate
//	platform whoever runs the installation
//	(none)   load balancers, Prometheus, people reading the documentation
func (a *API) Routes() []route {
	routes := []route{
		a.publishRoute(access.Publish),
		handle(a, "GET /v1/events", access.View, docEventList, a.eventList),
		handle(a, "GET /v1/events/{id}", access.View, docEventGet, a.eventGet),
		handle(a, "GET /v1/events/{id}/deliveries", access.View, docEventDeliveries, a.eventDeliveries),
		handle(a, "GET /v1/events/{id}/explain", access.View, docEventExplain, a.eventExplain),
		handle(a, "POST /v1/events/{id}/resend", access.Redeliver, docEventResend, a.eventResend),

		handle(a, "GET /v1/event-types", access.View, docTypeList, a.typeList),
		handle(a, "POST /v1/event-types", access.EditCatalogue, docTypeCreate, a.typeCreate),
		handle(a, "POST /v1/event-types/import", access.EditCatalogue, docTypeImport, a.typeImport),
		handle(a, "GET /v1/event-types/{name}", access.View, docTypeGet, a.typeGet),
		handle(a, "PATCH /v1/event-types/{name}", access.EditCatalogue, docTypeUpdate, a.typeUpdate),
		handle(a, "DELETE /v1/event-types/{name}", access.EditCatalogue, docTypeDelete, a.typeDelete),
		handle(a, "GET /v1/event-types/{name}/example", access.View, docTypeExample, a.typeExample),
		handle(a, "GET /v1/catalogue", access.View, docCatalogueGet, a.catalogueGet),
		handle(a, "PATCH /v1/catalogue", access.EditCatalogue, docCatalogueUpdate, a.catalogueUpdate),
		handle(a, "GET /v1/derivation-rules", access.View, docRuleList, a.ruleList),
		handle(a, "POST /v1/derivation-rules", access.EditCatalogue, docRuleCreate, a.ruleCreate),
		handle(a, "GET /v1/derivation-rules/{name}", access.View, docRuleGet, a.ruleGet),
		handle(a, "PATCH /v1/derivation-rules/{name}", access.EditCatalogue, docRuleUpdate, a.ruleUpdate),
		handle(a, "DELETE /v1/derivation-rules/{name}", access.EditCatalogue, docRuleDelete, a.ruleDelete),

		handle(a, "GET /v1/webhooks", access.View, docWebhookList, a.webhookList),
		handle(a, "POST /v1/webhooks", access.EditWebhooks, docWebhookCreate, a.webhookCreate),
		handle(a, "GET /v1/webhooks/{id}", access.View, docWebhookGet, a.webhookGet),
		handle(a, "PATCH /v1/webhooks/{id}", access.EditWebhooks, docWebhookUpdate, a.webhookUpdate),
		handle(a, "DELETE /v1/webhooks/{id}", access.EditWebhooks, docWebhookDelete, a.webhookDelete),
		handle(a, "POST /v1/webhooks/{id}/test", access.EditWebhooks, docWebhookTest, a.webhookTest),
		handle(a, "POST /v1/webhooks/{id}/preview", access.EditWebhooks, docWebhookPreview, a.webhookPreview),
		handle(a, "POST /v1/webhooks/{id}/pause", access.EditWebhooks, docWebhookPause, a.webhookPause),
		handle(a, "POST /v1/webhooks/{id}/resume", access.EditWebhooks, docWebhookResume, a.webhookResume),
		handle(a, "POST /v1/webhooks/{id}/rotate-secret", access.RotateSecrets, docWebhookRotate, a.webhookRotate),
		handle(a, "POST /v1/webhooks/{id}/recover", access.Redeliver, docWebhookRecover, a.webhookRecover),
		handle(a, "POST /v1/webhooks/{id}/replay", access.Redeliver, docWebhookReplay, a.webhookReplay),
		handle(a, "GET /v1/webhooks/{id}/attempts", access.View, docWebhookAttempts, a.webhookAttempts),

		handle(a, "GET /v1/attempts", access.View, docAttemptList, a.attemptList),
		handle(a, "GET /v1/attempts/{id}", access.View, docAttemptGet, a.attemptGet),
		handle(a, "GET /v1/deliveries", access.View, docDeliveryList, a.deliveryList),
		handle(a, "GET /v1/deliveries/{id}", access.View, docDeliveryGet, a.deliveryGet),
		handle(a, "POST /v1/deliveries/{id}/retry", access.Redeliver, docDeliveryRetry, a.deliveryRetry),
		handle(a, "POST /v1/deliveries/{id}/cancel", access.Redeliver, docDeliveryCancel, a.deliveryCancel),

		handle(a, "GET /v1/jobs", access.View, docJobList, a.jobList),
		handle(a, "GET /v1/jobs/{id}", access.View, docJobGet, a.jobGet),
		handle(a, "POST /v1/jobs/{id}/cancel", access.Redeliver, docJobCancel, a.jobCancel),

		handle(a, "GET /v1/campaigns", access.ViewRespondents, docCampaignList, a.campaignList),
		handle(a, "POST /v1/campaigns", access.EditRespondents, docCampaignCreate, a.campaignCreate),
		handle(a, "GET /v1/campaigns/{id}", access.ViewRespondents, docCampaignGet, a.campaignGet),
		handle(a, "PATCH /v1/campaigns/{id}", access.EditRespondents, docCampaignUpdate, a.campaignUpdate),
		handle(a, "DELETE /v1/campaigns/{id}", access.EditRespondents, docCampaignDelete, a.campaignDelete),
		a.respondentAddRoute(access.Publish),
		handle(a, "GET /v1/respondents", access.ViewRespondents, docRespondentList, a.respondentList),
		a.respondentExportRoute(access.ViewRespondents),
		handle(a, "POST /v1/respondents/erase", access.EditRespondents, docPersonErase, a.personErase),
		handle(a, "GET /v1/respondents/{id}", access.ViewRespondents, docRespondentGet, a.respondentGet),
		handle(a, "DELETE /v1/respondents/{id}", access.EditRespondents, docRespondentErase, a.respondentErase),
		handle(a, "POST /v1/respondents/{id}/retry", access.EditRespondents, docRespondentRetry, a.respondentRetry),
		a.receiveRoute(access.Publish),

		handle(a, "GET /v1/gate", access.Configure, docGateGet, a.gateGet),
		handle(a, "PATCH /v1/gate", access.Configure, docGateUpdate, a.gateUpdate),
		handle(a, "POST /v1/gate/test", access.Configure, docGateTest, a.gateTest),
		handle(a, "GET /v1/gate/attempts", access.Configure, docGateAttempts, a.gateAttempts),
		handle(a, "GET /v1/integrations", access.View, docIntegrationList, a.integrationList),
		handle(a, "POST /v1/integrations", access.Configure, docIntegrationCreate, a.integrationCreate),
		handle(a, "DELETE /v1/integrations/{name}", access.Configure, docIntegrationDelete, a.integrationDelete),
		handle(a, "GET /v1/audit", access.ViewAudit, docAuditList, a.auditList),

		handle(a, "GET /v1/stats", access.View, docStats, a.stats),

		handle(a, "GET /v1/egress-ips", access.View, docEgressIPs, a.egressIPs),

		handle(a, "GET /v1/keys", access.ManageKeys, docKeyList, a.keyList),
		handle(a, "POST /v1/keys", access.ManageKeys, docKeyCreate, a.keyCreate),
		handle(a, "DELETE /v1/keys/{id}", access.ManageKeys, docKeyRevoke, a.keyRevoke),

		handle(a, "POST /v1/encryption-keys/rotate", access.RunPlatform, docEncryptionRotate, a.encryptionRotate),

		handle(a, "GET /livez", access.Anybody, docLive, a.live),
		handle(a, "GET /readyz", access.Anybody, docReady, a.ready),
		a.openapiRoute(access.Anybody),
		a.docsRoute(access.Anybody),
	}
	if a.Metrics != nil {
		routes = append(routes, a.metricsRoute(access.Anybody))
	}
	return routes
}

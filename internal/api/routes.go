package api

import (
	"github.com/relay-events/relay/internal/rest"
)

import "github.com/relay-events/relay/internal/access"

// Routes returns the route table. Each names the permission it needs; package access says who has it. Who calls what, by
// the scope of their key:
//
//	publish  the application that has events or respondents, with a key of the scope publish
//	read     dashboards, scripts and support, who look
//	manage   whoever sets webhooks and event types up, and repairs deliveries
//	admin    whoever hands out keys and configures the gate
//	platform whoever runs the installation
//	session  somebody who has signed in, about their own account
//	(none)   load balancers, Prometheus, people reading the documentation
func (a *API) Routes() []rest.Route {
	routes := []rest.Route{
		a.publishRoute(access.Publish),
		rest.Handle(a.face, "GET /v1/events", access.View, docEventList, a.eventList),
		rest.Handle(a.face, "GET /v1/events/{id}", access.View, docEventGet, a.eventGet),
		rest.Handle(a.face, "GET /v1/events/{id}/deliveries", access.View, docEventDeliveries, a.eventDeliveries),
		rest.Handle(a.face, "GET /v1/events/{id}/explain", access.View, docEventExplain, a.eventExplain),
		rest.Handle(a.face, "POST /v1/events/{id}/resend", access.Redeliver, docEventResend, a.eventResend),

		rest.Handle(a.face, "GET /v1/event-types", access.View, docTypeList, a.typeList),
		rest.Handle(a.face, "POST /v1/event-types", access.EditCatalogue, docTypeCreate, a.typeCreate),
		rest.Handle(a.face, "POST /v1/event-types/import", access.EditCatalogue, docTypeImport, a.typeImport),
		rest.Handle(a.face, "GET /v1/event-types/{name}", access.View, docTypeGet, a.typeGet),
		rest.Handle(a.face, "PATCH /v1/event-types/{name}", access.EditCatalogue, docTypeUpdate, a.typeUpdate),
		rest.Handle(a.face, "DELETE /v1/event-types/{name}", access.EditCatalogue, docTypeDelete, a.typeDelete),
		rest.Handle(a.face, "GET /v1/event-types/{name}/example", access.View, docTypeExample, a.typeExample),
		rest.Handle(a.face, "GET /v1/catalogue", access.View, docCatalogueGet, a.catalogueGet),
		rest.Handle(a.face, "PATCH /v1/catalogue", access.EditCatalogue, docCatalogueUpdate, a.catalogueUpdate),
		rest.Handle(a.face, "GET /v1/derivation-rules", access.View, docRuleList, a.ruleList),
		rest.Handle(a.face, "POST /v1/derivation-rules", access.EditCatalogue, docRuleCreate, a.ruleCreate),
		rest.Handle(a.face, "GET /v1/derivation-rules/{name}", access.View, docRuleGet, a.ruleGet),
		rest.Handle(a.face, "PATCH /v1/derivation-rules/{name}", access.EditCatalogue, docRuleUpdate, a.ruleUpdate),
		rest.Handle(a.face, "DELETE /v1/derivation-rules/{name}", access.EditCatalogue, docRuleDelete, a.ruleDelete),

		rest.Handle(a.face, "GET /v1/webhooks", access.View, docWebhookList, a.webhookList),
		rest.Handle(a.face, "POST /v1/webhooks", access.EditWebhooks, docWebhookCreate, a.webhookCreate),
		rest.Handle(a.face, "GET /v1/webhooks/{id}", access.View, docWebhookGet, a.webhookGet),
		rest.Handle(a.face, "PATCH /v1/webhooks/{id}", access.EditWebhooks, docWebhookUpdate, a.webhookUpdate),
		rest.Handle(a.face, "DELETE /v1/webhooks/{id}", access.EditWebhooks, docWebhookDelete, a.webhookDelete),
		rest.Handle(a.face, "POST /v1/webhooks/{id}/test", access.EditWebhooks, docWebhookTest, a.webhookTest),
		rest.Handle(a.face, "POST /v1/webhooks/{id}/preview", access.EditWebhooks, docWebhookPreview, a.webhookPreview),
		rest.Handle(a.face, "POST /v1/webhooks/{id}/pause", access.EditWebhooks, docWebhookPause, a.webhookPause),
		rest.Handle(a.face, "POST /v1/webhooks/{id}/resume", access.EditWebhooks, docWebhookResume, a.webhookResume),
		rest.Handle(a.face, "POST /v1/webhooks/{id}/rotate-secret", access.RotateSecrets, docWebhookRotate, a.webhookRotate),
		rest.Handle(a.face, "POST /v1/webhooks/{id}/recover", access.Redeliver, docWebhookRecover, a.webhookRecover),
		rest.Handle(a.face, "POST /v1/webhooks/{id}/replay", access.Redeliver, docWebhookReplay, a.webhookReplay),
		rest.Handle(a.face, "GET /v1/webhooks/{id}/attempts", access.View, docWebhookAttempts, a.webhookAttempts),

		rest.Handle(a.face, "GET /v1/attempts", access.View, docAttemptList, a.attemptList),
		rest.Handle(a.face, "GET /v1/attempts/{id}", access.View, docAttemptGet, a.attemptGet),
		rest.Handle(a.face, "GET /v1/deliveries", access.View, docDeliveryList, a.deliveryList),
		rest.Handle(a.face, "GET /v1/deliveries/{id}", access.View, docDeliveryGet, a.deliveryGet),
		rest.Handle(a.face, "POST /v1/deliveries/{id}/retry", access.Redeliver, docDeliveryRetry, a.deliveryRetry),
		rest.Handle(a.face, "POST /v1/deliveries/{id}/cancel", access.Redeliver, docDeliveryCancel, a.deliveryCancel),

		rest.Handle(a.face, "GET /v1/jobs", access.View, docJobList, a.jobList),
		rest.Handle(a.face, "GET /v1/jobs/{id}", access.View, docJobGet, a.jobGet),
		rest.Handle(a.face, "POST /v1/jobs/{id}/cancel", access.Redeliver, docJobCancel, a.jobCancel),

		rest.Handle(a.face, "GET /v1/campaigns", access.ViewRespondents, docCampaignList, a.campaignList),
		rest.Handle(a.face, "POST /v1/campaigns", access.EditRespondents, docCampaignCreate, a.campaignCreate),
		rest.Handle(a.face, "GET /v1/campaigns/{id}", access.ViewRespondents, docCampaignGet, a.campaignGet),
		rest.Handle(a.face, "PATCH /v1/campaigns/{id}", access.EditRespondents, docCampaignUpdate, a.campaignUpdate),
		rest.Handle(a.face, "DELETE /v1/campaigns/{id}", access.EditRespondents, docCampaignDelete, a.campaignDelete),
		a.respondentAddRoute(access.Publish),
		rest.Handle(a.face, "GET /v1/respondents", access.ViewRespondents, docRespondentList, a.respondentList),
		a.respondentExportRoute(access.ViewRespondents),
		rest.Handle(a.face, "POST /v1/respondents/erase", access.EditRespondents, docPersonErase, a.personErase),
		rest.Handle(a.face, "GET /v1/respondents/{id}", access.ViewRespondents, docRespondentGet, a.respondentGet),
		rest.Handle(a.face, "DELETE /v1/respondents/{id}", access.EditRespondents, docRespondentErase, a.respondentErase),
		rest.Handle(a.face, "POST /v1/respondents/{id}/retry", access.EditRespondents, docRespondentRetry, a.respondentRetry),
		a.receiveRoute(access.Publish),

		rest.Handle(a.face, "GET /v1/gate", access.Configure, docGateGet, a.gateGet),
		rest.Handle(a.face, "PATCH /v1/gate", access.Configure, docGateUpdate, a.gateUpdate),
		rest.Handle(a.face, "POST /v1/gate/test", access.Configure, docGateTest, a.gateTest),
		rest.Handle(a.face, "GET /v1/gate/attempts", access.Configure, docGateAttempts, a.gateAttempts),
		rest.Handle(a.face, "GET /v1/integrations", access.View, docIntegrationList, a.integrationList),
		rest.Handle(a.face, "POST /v1/integrations", access.Configure, docIntegrationCreate, a.integrationCreate),
		rest.Handle(a.face, "DELETE /v1/integrations/{name}", access.Configure, docIntegrationDelete, a.integrationDelete),
		rest.Handle(a.face, "GET /v1/audit", access.ViewAudit, docAuditList, a.auditList),

		rest.Handle(a.face, "GET /v1/stats", access.View, docStats, a.stats),

		rest.Handle(a.face, "GET /v1/egress-ips", access.View, docEgressIPs, a.egressIPs),

		rest.Handle(a.face, "GET /v1/keys", access.ManageKeys, docKeyList, a.keyList),
		rest.Handle(a.face, "POST /v1/keys", access.ManageKeys, docKeyCreate, a.keyCreate),
		rest.Handle(a.face, "DELETE /v1/keys/{id}", access.ManageKeys, docKeyRevoke, a.keyRevoke),

		rest.Handle(a.face, "GET /v1/users", access.ManageUsers, docUserList, a.userList),
		rest.Handle(a.face, "POST /v1/users", access.ManageUsers, docUserInvite, a.userInvite),
		rest.Handle(a.face, "GET /v1/users/{id}", access.ManageUsers, docUserGet, a.userGet),
		rest.Handle(a.face, "PATCH /v1/users/{id}", access.ManageUsers, docUserUpdate, a.userUpdate),
		rest.Handle(a.face, "DELETE /v1/users/{id}", access.ManageUsers, docUserDelete, a.userDelete),
		rest.Handle(a.face, "POST /v1/users/{id}/disable", access.ManageUsers, docUserDisable, a.userDisable),
		rest.Handle(a.face, "POST /v1/users/{id}/enable", access.ManageUsers, docUserEnable, a.userEnable),
		rest.Handle(a.face, "POST /v1/users/{id}/invite", access.ManageUsers, docUserReinvite, a.userReinvite),
		rest.Handle(a.face, "POST /v1/users/{id}/login-link", access.RunPlatform, docUserLoginLink, a.userLoginLink),

		rest.Handle(a.face, "POST /v1/session", access.Anybody, docLogin, a.login),
		rest.Handle(a.face, "POST /v1/session/link", access.Anybody, docLoginByLink, a.loginByLink),
		rest.Handle(a.face, "GET /v1/session", access.OwnAccount, docSessionGet, a.sessionGet),
		rest.Handle(a.face, "DELETE /v1/session", access.OwnAccount, docLogout, a.logout),
		rest.Handle(a.face, "GET /v1/sessions", access.OwnAccount, docSessionList, a.sessionList),
		rest.Handle(a.face, "DELETE /v1/sessions", access.OwnAccount, docSessionEndAll, a.sessionEndAll),
		rest.Handle(a.face, "DELETE /v1/sessions/{id}", access.OwnAccount, docSessionEnd, a.sessionEnd),
		rest.Handle(a.face, "POST /v1/password", access.OwnAccount, docPassword, a.passwordChange),

		rest.Handle(a.face, "POST /v1/encryption-keys/rotate", access.RunPlatform, docEncryptionRotate, a.encryptionRotate),

		rest.Handle(a.face, "GET /livez", access.Anybody, docLive, a.live),
		rest.Handle(a.face, "GET /readyz", access.Anybody, docReady, a.ready),
		a.face.DocumentRoute("GET /openapi.json", docOpenAPI),
		a.face.PageRoute("GET /docs", docDocs),
	}
	if a.Metrics != nil {
		routes = append(routes, a.metricsRoute(access.Anybody))
	}
	return routes
}

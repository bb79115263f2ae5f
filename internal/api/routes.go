package api

import (
	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/rest"
)

// Routes returns the route table. Each names the permission it needs; package access says who has it. Who calls what, by
// the scope of their key:
//
//	publish  the application that has events or respondents, with a key of the scope publish
//	hooks    automation platforms, which subscribe REST hooks
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
		rest.Handle(a.face, "POST /v1/webhooks/{id}/test", access.TestWebhooks, docWebhookTest, a.webhookTest),
		rest.Handle(a.face, "POST /v1/webhooks/{id}/preview", access.EditWebhooks, docWebhookPreview, a.webhookPreview),
		rest.Handle(a.face, "POST /v1/webhooks/{id}/pause", access.EditWebhooks, docWebhookPause, a.webhookPause),
		rest.Handle(a.face, "POST /v1/webhooks/{id}/resume", access.EditWebhooks, docWebhookResume, a.webhookResume),
		rest.Handle(a.face, "POST /v1/webhooks/{id}/rotate-secret", access.RotateSecrets, docWebhookRotate, a.webhookRotate),
		rest.Handle(a.face, "POST /v1/webhooks/{id}/reveal-secret", access.RevealSecrets, docWebhookReveal, a.webhookReveal),
		rest.Handle(a.face, "POST /v1/webhooks/{id}/recover", access.Redeliver, docWebhookRecover, a.webhookRecover),
		rest.Handle(a.face, "POST /v1/webhooks/{id}/replay", access.Redeliver, docWebhookReplay, a.webhookReplay),
		rest.Handle(a.face, "GET /v1/webhooks/{id}/attempts", access.View, docWebhookAttempts, a.webhookAttempts),

		rest.Handle(a.face, "GET /v1/hooks", access.UseHooks, docHookList, a.hookList),
		rest.Handle(a.face, "POST /v1/hooks", access.UseHooks, docHookCreate, a.hookCreate),
		rest.Handle(a.face, "DELETE /v1/hooks/{id}", access.UseHooks, docHookDelete, a.hookDelete),
		rest.Handle(a.face, "POST /v1/hooks/{id}/restore", access.EditWebhooks, docHookRestore, a.hookRestore),
		rest.Handle(a.face, "POST /v1/hooks/{id}/resume", access.EditWebhooks, docHookResume, a.hookResume),
		rest.Handle(a.face, "GET /v1/hooks/samples", access.UseHooks, docHookSamples, a.hookSamples),
		rest.Handle(a.face, "GET /v1/hooks/me", access.UseHooks, docHookMe, a.hookMe),
		rest.Handle(a.face, "GET /v1/hooks/events", access.UseHooks, docHookEvents, a.hookEvents),

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

		rest.Handle(a.face, "GET /v1/connectors", access.View, docConnectorList, a.connectorList),
		rest.Handle(a.face, "POST /v1/connectors", access.Configure, docConnectorCreate, a.connectorCreate),
		rest.Handle(a.face, "POST /v1/connectors/check", access.Configure, docConnectorCheck, a.connectorCheck),
		rest.Handle(a.face, "GET /v1/connectors/{name}", access.View, docConnectorGet, a.connectorGet),
		rest.Handle(a.face, "PATCH /v1/connectors/{name}", access.Configure, docConnectorUpdate, a.connectorUpdate),
		rest.Handle(a.face, "DELETE /v1/connectors/{name}", access.Configure, docConnectorDelete, a.connectorDelete),
		rest.Handle(a.face, "POST /v1/connectors/{name}/plan", access.Configure, docConnectorPlan, a.connectorPlan),
		rest.Handle(a.face, "POST /v1/connectors/{name}/try", access.EditWebhooks, docConnectorTry, a.connectorTry),
		rest.Handle(a.face, "GET /v1/connections", access.View, docConnectionList, a.connectionList),
		rest.Handle(a.face, "POST /v1/connections", access.EditWebhooks, docConnectionCreate, a.connectionCreate),
		rest.Handle(a.face, "GET /v1/connections/{id}", access.View, docConnectionGet, a.connectionGet),
		rest.Handle(a.face, "PATCH /v1/connections/{id}", access.EditWebhooks, docConnectionUpdate, a.connectionUpdate),
		rest.Handle(a.face, "DELETE /v1/connections/{id}", access.EditWebhooks, docConnectionDelete, a.connectionDelete),
		rest.Handle(a.face, "POST /v1/connections/{id}/check", access.EditWebhooks, docConnectionCheck, a.connectionCheck),
		rest.Handle(a.face, "GET /v1/connections/{id}/segments", access.View, docSegmentList, a.segmentList),
		rest.Handle(a.face, "GET /v1/connections/{id}/attempts", access.View, docConnectionAttempts, a.connectionAttempts),

		rest.Handle(a.face, "GET /v1/profiles", access.ViewRespondents, docProfileList, a.profileList),
		rest.Handle(a.face, "GET /v1/profiles/{id}", access.ViewRespondents, docProfileGet, a.profileGet),
		rest.Handle(a.face, "PATCH /v1/profiles/{id}", access.EditRespondents, docProfilePut, a.profilePut),
		rest.Handle(a.face, "DELETE /v1/profiles/{id}", access.EditRespondents, docProfileErase, a.profileErase),
		rest.Handle(a.face, "GET /v1/audiences", access.ViewRespondents, docAudienceList, a.audienceList),
		rest.Handle(a.face, "POST /v1/audiences", access.EditRespondents, docAudienceCreate, a.audienceCreate),
		rest.Handle(a.face, "GET /v1/audiences/{number}", access.ViewRespondents, docAudienceGet, a.audienceGet),
		rest.Handle(a.face, "PATCH /v1/audiences/{number}", access.EditRespondents, docAudienceUpdate, a.audienceUpdate),
		rest.Handle(a.face, "DELETE /v1/audiences/{number}", access.EditRespondents, docAudienceDelete, a.audienceDelete),
		rest.Handle(a.face, "POST /v1/audiences/{number}/attachments", access.EditRespondents, docAttachmentCreate, a.attachmentCreate),
		rest.Handle(a.face, "PATCH /v1/audiences/{number}/attachments/{id}", access.EditRespondents, docAttachmentUpdate, a.attachmentUpdate),
		rest.Handle(a.face, "DELETE /v1/audiences/{number}/attachments/{id}", access.EditRespondents, docAttachmentDelete, a.attachmentDelete),
		rest.Handle(a.face, "GET /v1/audiences/{number}/attachments/{id}/counts", access.ViewRespondents, docAttachmentCounts, a.attachmentCounts),
		rest.Handle(a.face, "GET /v1/audiences/{number}/attachments/{id}/profiles", access.ViewRespondents, docAttachmentProfiles, a.attachmentProfiles),
		rest.Handle(a.face, "GET /v1/audiences/{number}/attachments/{id}/profiles/{profileId}", access.ViewRespondents, docAttachmentExplain, a.attachmentExplain),
		rest.Handle(a.face, "GET /v1/audiences/{number}/members", access.ViewRespondents, docMemberList, a.memberList),
		rest.Handle(a.face, "POST /v1/audiences/{number}/members", access.EditRespondents, docMembersPut, a.membersPut),
		rest.Handle(a.face, "GET /v1/audiences/{number}/imports", access.ViewRespondents, docImportList, a.importList),
		rest.Handle(a.face, "POST /v1/audiences/{number}/imports", access.EditRespondents, docImportCreate, a.importCreate),
		rest.Handle(a.face, "GET /v1/audiences/{number}/imports/{id}", access.ViewRespondents, docImportGet, a.importGet),
		rest.Handle(a.face, "DELETE /v1/audiences/{number}/imports/{id}", access.EditRespondents, docImportCancel, a.importCancel),
		rest.Handle(a.face, "POST /v1/audiences/{number}/imports/{id}/rows", access.EditRespondents, docImportRows, a.importRows),
		rest.Handle(a.face, "GET /v1/audiences/{number}/imports/{id}/rejected", access.ViewRespondents, docImportRejected, a.importRejected),
		rest.Handle(a.face, "POST /v1/audiences/{number}/imports/{id}/start", access.EditRespondents, docImportStart, a.importStart),
		rest.Handle(a.face, "PATCH /v1/audiences/{number}/members/{id}", access.EditRespondents, docMemberEnter, a.memberEnter),
		rest.Handle(a.face, "DELETE /v1/audiences/{number}/members/{id}", access.EditRespondents, docMemberLeave, a.memberLeave),

		rest.Handle(a.face, "GET /v1/journeys", access.ViewRespondents, docJourneyList, a.journeyList),
		rest.Handle(a.face, "POST /v1/journeys", access.EditRespondents, docJourneyCreate, a.journeyCreate),
		rest.Handle(a.face, "POST /v1/journeys/dry-run", access.ViewRespondents, docJourneyDryRun, a.journeyDryRun),
		rest.Handle(a.face, "GET /v1/journeys/{number}", access.ViewRespondents, docJourneyGet, a.journeyGet),
		rest.Handle(a.face, "PATCH /v1/journeys/{number}", access.EditRespondents, docJourneyUpdate, a.journeyUpdate),
		rest.Handle(a.face, "DELETE /v1/journeys/{number}", access.EditRespondents, docJourneyDelete, a.journeyDelete),
		rest.Handle(a.face, "POST /v1/journeys/{number}/move", access.EditRespondents, docJourneyMove, a.journeyMove),
		rest.Handle(a.face, "POST /v1/journeys/{number}/retry", access.EditRespondents, docJourneyRetry, a.journeyRetry),
		rest.Handle(a.face, "GET /v1/journeys/{number}/enrolments", access.ViewRespondents, docEnrolmentList, a.enrolmentList),
		rest.Handle(a.face, "GET /v1/journeys/{number}/enrolments/{id}", access.ViewRespondents, docEnrolmentGet, a.enrolmentGet),
		rest.Handle(a.face, "POST /v1/journeys/{number}/enrolments/{id}/retry", access.EditRespondents, docEnrolmentRetry, a.enrolmentRetry),

		rest.Handle(a.face, "GET /v1/audit", access.ViewAudit, docAuditList, a.auditList),
		a.auditExportRoute(),

		rest.Handle(a.face, "GET /v1/stats", access.View, docStats, a.stats),
		rest.Handle(a.face, "GET /v1/stats/breakdown", access.View, docBreakdown, a.breakdown),
		rest.Handle(a.face, "GET /v1/stats/backlog", access.View, docBacklog, a.backlog),

		rest.Handle(a.face, "GET /v1/egress-ips", access.View, docEgressIPs, a.egressIPs),

		rest.Handle(a.face, "GET /v1/whoami", access.KnowSelf, docWhoami, a.whoami),
		rest.Handle(a.face, "GET /v1/keys", access.ManageKeys, docKeyList, a.keyList),
		rest.Handle(a.face, "POST /v1/keys", access.ManageKeys, docKeyCreate, a.keyCreate),
		rest.Handle(a.face, "POST /v1/keys/{id}/replace", access.ManageKeys, docKeyReplace, a.keyReplace),
		rest.Handle(a.face, "DELETE /v1/keys/{id}", access.ManageKeys, docKeyRevoke, a.keyRevoke),

		rest.Handle(a.face, "GET /v1/portal", access.View, docPortalGet, a.portalGet),
		rest.Handle(a.face, "PATCH /v1/portal", access.Configure, docPortalUpdate, a.portalUpdate),
		rest.Handle(a.face, "GET /v1/portal/words", access.View, docPortalWords, a.portalWords),
		rest.Handle(a.face, "GET /v1/portal-links", access.OpenPortal, docPortalLinkList, a.portalLinkList),
		rest.Handle(a.face, "POST /v1/portal-links", access.OpenPortal, docPortalLinkCreate, a.portalLinkCreate),
		rest.Handle(a.face, "DELETE /v1/portal-links", access.OpenPortal, docPortalSessionEnd, a.portalSessionEnd),
		rest.Handle(a.face, "DELETE /v1/portal-links/{id}", access.OpenPortal, docPortalLinkEnd, a.portalLinkEnd),

		rest.Handle(a.face, "GET /v1/users", access.ManageUsers, docUserList, a.userList),
		rest.Handle(a.face, "POST /v1/users", access.ManageUsers, docUserInvite, a.userInvite),
		rest.Handle(a.face, "GET /v1/users/{id}", access.ManageUsers, docUserGet, a.userGet),
		rest.Handle(a.face, "PATCH /v1/users/{id}", access.ManageUsers, docUserUpdate, a.userUpdate),
		rest.Handle(a.face, "DELETE /v1/users/{id}", access.ManageUsers, docUserDelete, a.userDelete),
		rest.Handle(a.face, "POST /v1/users/{id}/disable", access.ManageUsers, docUserDisable, a.userDisable),
		rest.Handle(a.face, "POST /v1/users/{id}/enable", access.ManageUsers, docUserEnable, a.userEnable),
		rest.Handle(a.face, "POST /v1/users/{id}/invite", access.ManageUsers, docUserReinvite, a.userReinvite),
		rest.Handle(a.face, "POST /v1/users/{id}/login-link", access.RunPlatform, docUserLoginLink, a.userLoginLink),
		rest.Handle(a.face, "DELETE /v1/users/{id}/second-factor", access.ManageUsers, docUserFactorDisable, a.userFactorDisable),
		rest.Handle(a.face, "GET /v1/sign-in", access.ManageUsers, docSignInGet, a.signInGet),
		rest.Handle(a.face, "PATCH /v1/sign-in", access.ManageUsers, docSignInUpdate, a.signInUpdate),
		rest.Handle(a.face, "GET /v1/sign-in/providers", access.RunPlatform, docProviderList, a.providerList),
		rest.Handle(a.face, "POST /v1/sign-in/providers", access.RunPlatform, docProviderCreate, a.providerCreate),
		rest.Handle(a.face, "GET /v1/sign-in/providers/{name}", access.RunPlatform, docProviderGet, a.providerGet),
		rest.Handle(a.face, "PATCH /v1/sign-in/providers/{name}", access.RunPlatform, docProviderUpdate, a.providerUpdate),
		rest.Handle(a.face, "DELETE /v1/sign-in/providers/{name}", access.RunPlatform, docProviderDelete, a.providerDelete),

		rest.Handle(a.face, "POST /v1/session", access.Anybody, docLogin, a.login),
		rest.Handle(a.face, "POST /v1/session/link", access.Anybody, docLoginByLink, a.loginByLink),
		rest.Handle(a.face, "POST /v1/session/code", access.Anybody, docLoginByCode, a.loginByCode),
		rest.Handle(a.face, "GET /v1/session/passkey", access.Anybody, docPasskeyAsk, a.passkeyAsk),
		rest.Handle(a.face, "POST /v1/session/passkey", access.Anybody, docLoginByPasskey, a.loginByPasskey),
		rest.Handle(a.face, "POST /v1/session/confirm", access.OwnAccount, docConfirm, a.confirm),
		rest.Handle(a.face, "GET /v1/session", access.OwnAccount, docSessionGet, a.sessionGet),
		rest.Handle(a.face, "DELETE /v1/session", access.OwnAccount, docLogout, a.logout),
		rest.Handle(a.face, "GET /v1/sessions", access.OwnAccount, docSessionList, a.sessionList),
		rest.Handle(a.face, "DELETE /v1/sessions", access.OwnAccount, docSessionEndAll, a.sessionEndAll),
		rest.Handle(a.face, "DELETE /v1/sessions/{id}", access.OwnAccount, docSessionEnd, a.sessionEnd),
		rest.Handle(a.face, "POST /v1/password", access.OwnAccount, docPassword, a.passwordChange),
		rest.Handle(a.face, "GET /v1/passkeys", access.OwnAccount, docPasskeyList, a.passkeyList),
		rest.Handle(a.face, "GET /v1/passkeys/options", access.OwnAccount, docPasskeyOffer, a.passkeyOffer),
		rest.Handle(a.face, "POST /v1/passkeys", access.OwnAccount, docPasskeyAdd, a.passkeyAdd),
		rest.Handle(a.face, "PATCH /v1/passkeys/{id}", access.OwnAccount, docPasskeyUpdate, a.passkeyUpdate),
		rest.Handle(a.face, "DELETE /v1/passkeys/{id}", access.OwnAccount, docPasskeyDelete, a.passkeyDelete),

		rest.Handle(a.face, "GET /v1/second-factor", access.OwnAccount, docFactorGet, a.factorGet),
		rest.Handle(a.face, "POST /v1/second-factor", access.OwnAccount, docFactorSetUp, a.factorSetUp),
		rest.Handle(a.face, "POST /v1/second-factor/confirm", access.OwnAccount, docFactorConfirm, a.factorConfirm),
		rest.Handle(a.face, "POST /v1/second-factor/recovery-codes", access.OwnAccount, docFactorRenew, a.factorRenew),
		rest.Handle(a.face, "POST /v1/second-factor/disable", access.OwnAccount, docFactorDisable, a.factorDisable),

		rest.Handle(a.face, "GET /v1/tenants", access.RunPlatform, docTenantList, a.tenantList),
		rest.Handle(a.face, "POST /v1/tenants", access.RunPlatform, docTenantCreate, a.tenantCreate),
		rest.Handle(a.face, "GET /v1/tenants/{id}", access.RunPlatform, docTenantGet, a.tenantGet),
		rest.Handle(a.face, "PATCH /v1/tenants/{id}", access.RunPlatform, docTenantUpdate, a.tenantUpdate),
		rest.Handle(a.face, "DELETE /v1/tenants/{id}", access.RunPlatform, docTenantDelete, a.tenantDelete),
		rest.Handle(a.face, "POST /v1/tenants/{id}/restore", access.RunPlatform, docTenantRestore, a.tenantRestore),
		rest.Handle(a.face, "POST /v1/tenants/{id}/suspend", access.RunPlatform, docTenantSuspend, a.tenantSuspend),
		rest.Handle(a.face, "POST /v1/tenants/{id}/resume", access.RunPlatform, docTenantResume, a.tenantResume),

		rest.Handle(a.face, "GET /v1/plans", access.RunPlatform, docPlanList, a.planList),
		rest.Handle(a.face, "POST /v1/plans", access.RunPlatform, docPlanCreate, a.planCreate),
		rest.Handle(a.face, "GET /v1/plans/{name}", access.RunPlatform, docPlanGet, a.planGet),
		rest.Handle(a.face, "PATCH /v1/plans/{name}", access.RunPlatform, docPlanUpdate, a.planUpdate),
		rest.Handle(a.face, "DELETE /v1/plans/{name}", access.RunPlatform, docPlanDelete, a.planDelete),
		rest.Handle(a.face, "GET /v1/usage", access.View, docUsage, a.usage),

		rest.Handle(a.face, "POST /v1/encryption-keys/rotate", access.RunPlatform, docEncryptionRotate, a.encryptionRotate),

		rest.Handle(a.face, "GET /livez", access.Anybody, docLive, a.live),
		rest.Handle(a.face, "GET /readyz", access.Anybody, docReady, a.ready),
		a.face.DocumentRoute("GET /openapi.json", docOpenAPI),
		a.face.PageRoute("GET /docs", docDocs),
	}
	routes = append(routes, a.hookPackageRoutes()...)
	if a.Metrics != nil {
		routes = append(routes, a.metricsRoute(access.Anybody))
	}
	return routes
}

package dashboard

import "github.com/relay-events/relay/internal/access"

// menu is the navigation in its order. It names pages that exist, and nothing else.
var menu = []struct {
	navigation
	needs access.Permission
}{
	{navigation{Name: "Home", Path: "home", Icon: "house", Key: "home", Phone: true}, access.View},
	{navigation{Name: "Webhooks", Path: "webhooks", Icon: "webhook", Key: "webhooks", Phone: true}, access.View},
	{navigation{Name: "Log", Path: "log", Icon: "scroll-text", Key: "log", Phone: true}, access.View},
}

// table returns the route table. Each page of a tenant names the permission it needs; package access says who has it.
func (d *Dashboard) table() []route {
	return []route{
		{pattern: "GET /{$}", open: true, serve: d.start},
		{pattern: "GET /login", open: true, serve: d.loginPage},
		{pattern: "POST /login", open: true, serve: d.login},
		{pattern: "POST /logout", open: true, serve: d.logout},
		{pattern: "GET /welcome/{token}", open: true, serve: d.welcomePage},
		{pattern: "POST /welcome/{token}", open: true, serve: d.welcome},
		{pattern: "GET /invite/{token}", open: true, serve: d.welcomePage},
		{pattern: "POST /invite/{token}", open: true, serve: d.welcome},
		{pattern: "POST /appearance", open: true, serve: d.appearance},

		{pattern: "GET /t/{tenant}/{$}", needs: access.View, serve: d.tenantStart},
		{pattern: "GET /t/{tenant}/home", needs: access.View, serve: d.home},

		{pattern: "GET /t/{tenant}/webhooks", needs: access.View, serve: d.webhookList},
		{pattern: "GET /t/{tenant}/webhooks/new", needs: access.EditWebhooks, serve: d.webhookNew},
		{pattern: "POST /t/{tenant}/webhooks/new", needs: access.EditWebhooks, serve: d.webhookCreate},
		{pattern: "GET /t/{tenant}/webhooks/{id}", needs: access.View, serve: d.webhookPage},
		{pattern: "GET /t/{tenant}/webhooks/{id}/edit", needs: access.EditWebhooks, serve: d.webhookEdit},
		{pattern: "POST /t/{tenant}/webhooks/{id}/edit", needs: access.EditWebhooks, serve: d.webhookSave},
		{pattern: "POST /t/{tenant}/webhooks/{id}/test", needs: access.EditWebhooks, serve: d.webhookTest},
		{pattern: "POST /t/{tenant}/webhooks/{id}/pause", needs: access.EditWebhooks, serve: d.webhookPause},
		{pattern: "POST /t/{tenant}/webhooks/{id}/resume", needs: access.EditWebhooks, serve: d.webhookResume},
		{pattern: "GET /t/{tenant}/webhooks/{id}/rotate", needs: access.RotateSecrets, serve: d.webhookRotatePage},
		{pattern: "POST /t/{tenant}/webhooks/{id}/rotate", needs: access.RotateSecrets, serve: d.webhookRotate},
		{pattern: "GET /t/{tenant}/webhooks/{id}/recover", needs: access.Redeliver, serve: d.recoverPage},
		{pattern: "POST /t/{tenant}/webhooks/{id}/recover", needs: access.Redeliver, serve: d.recover},
		{pattern: "GET /t/{tenant}/webhooks/{id}/delete", needs: access.EditWebhooks, serve: d.webhookDeletePage},
		{pattern: "POST /t/{tenant}/webhooks/{id}/delete", needs: access.EditWebhooks, serve: d.webhookDelete},
		{pattern: "GET /t/{tenant}/jobs/{job}", needs: access.View, serve: d.jobPage},
		{pattern: "POST /t/{tenant}/jobs/{job}/cancel", needs: access.Redeliver, serve: d.jobCancel},

		{pattern: "GET /t/{tenant}/log", needs: access.View, serve: d.logPage},
		{pattern: "GET /t/{tenant}/log/{id}", needs: access.View, serve: d.attemptPage},
		{pattern: "POST /t/{tenant}/log/{id}/retry", needs: access.Redeliver, serve: d.attemptRetry},
		{pattern: "POST /t/{tenant}/log/{id}/cancel", needs: access.Redeliver, serve: d.attemptCancel},
	}
}

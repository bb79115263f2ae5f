package api

import (
	"github.com/relay-events/relay/internal/event"
)

// Patterns returns the routes as they are registered, "GET /v1/events".
func (a *API) Patterns() []string {
	var list []string
	for i := range a.face.Routes() {
		list = append(list, a.face.Routes()[i].Pattern())
	}
	return list
}

// Users returns how many searches of a tenant run or wait.
func (s *Searches) Users(tenant event.TenantID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tenants[tenant]; t != nil {
		return t.users
	}
	return 0
}

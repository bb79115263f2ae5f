package api

// Patterns returns the routes as they are registered, "GET /v1/events".
func (a *API) Patterns() []string {
	var list []string
	for i := range a.routes {
		list = append(list, a.routes[i].pattern())
	}
	return list
}

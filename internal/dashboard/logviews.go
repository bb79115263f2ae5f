package dashboard

import (
	"context"
	"fmt"
	"net/url"

	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/logview"
)

// savedViews are the views beside the log, and the form that saves one.
type savedViews struct {
	List      []savedView
	Here      *savedView // the one that the page shows; nil: none
	Query     string     // the filters of the page, in its address
	MayShare  bool
	Name      string // as it was typed, where it was refused
	Shared    bool
	Wrong     map[string]string // nil: nothing was refused
	Selects   bool              // the page has filters that can be saved
	MayDelete bool              // the view that the page shows
}

// savedView is a view in the list.
type savedView struct {
	logview.View
	Query string
	Here  bool
}

// filter is what the page selects, as views have it.
func (v *logView) filter() logview.Filter {
	return logview.Filter{Outcome: v.Outcome, Code: v.Code, ErrorKind: exchange.Kind(v.Kind), EventType: v.Type, Webhook: v.Webhook, Within: v.Period}
}

// queryOf is the address of the log with a filter, from the question mark on.
func queryOf(f *logview.Filter) string {
	p := make(url.Values)
	for name, value := range map[string]string{"outcome": f.Outcome, "code": f.Code, "kind": string(f.ErrorKind), "type": f.EventType, "webhook": f.Webhook, "period": f.Within} {
		if value != "" {
			p.Set(name, value)
		}
	}
	return "?" + p.Encode()
}

// viewsBeside returns the views that a person sees beside the log, nil in portals.
func (d *Dashboard) viewsBeside(ctx context.Context, q *request, v *logView) (*savedViews, error) {
	if q.visit != nil {
		return nil, nil
	}
	list, err := d.Views.List(ctx, q.who)
	if err != nil {
		return nil, fmt.Errorf("listing views of the log: %w", err)
	}
	f := v.filter()
	s := &savedViews{Query: queryOf(&f), MayShare: logview.MayShare(q.who), Selects: f != logview.Filter{}}
	for i := range list {
		one := savedView{View: list[i], Query: queryOf(&list[i].Filter), Here: list[i].Filter == f}
		if s.List = append(s.List, one); one.Here && s.Here == nil {
			s.Here = &one
			s.MayDelete = !one.Shared() || s.MayShare
		}
	}
	return s, nil
}

// viewSave keeps the filters in the address under a name.
func (d *Dashboard) viewSave(ctx context.Context, q *request) (answer, error) {
	var v logView
	v.read(q)
	f := v.filter()
	name, shared := q.value("name"), q.value("shared") != ""
	_, err := d.Views.Save(ctx, q.who, name, shared, f)
	if err == nil {
		return answer{to: q.path("log") + queryOf(&f)}, nil
	}
	wrong := make(map[string]string)
	if err := refuseFields(err, wrong, "name"); err != nil {
		return answer{}, err
	}
	a, err := d.logPage(ctx, q)
	if err != nil {
		return answer{}, err
	}
	page, shown := a.data.(logView)
	if !shown { // the address has an id to look for: that leads elsewhere
		return a, nil
	}
	page.Saved.Name, page.Saved.Shared, page.Saved.Wrong = name, shared, wrong
	a.data, a.status = page, 422
	return a, nil
}

func (d *Dashboard) viewDelete(ctx context.Context, q *request) (answer, error) {
	return answer{to: q.path("log")}, d.Views.Delete(ctx, q.who, q.PathValue("id"))
}

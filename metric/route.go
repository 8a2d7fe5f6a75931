package metric

import (
	"slices"
	"strings"
	"time"
)

// Route is what was answered on one route.
type Route struct {
	pattern string
	answers [6]Counter // by class of status: 2 for 2xx; 0 for those that are none
	took    Histogram
}

// Route finds the Route of a pattern, or makes it. It is for the start: a request
// uses what it returned.
func (n *Node) Route(pattern string) *Route {
	n.routing.Lock()
	defer n.routing.Unlock()
	for _, r := range n.routes {
		if r.pattern == pattern {
			return r
		}
	}
	r := &Route{pattern: pattern}
	n.routes = append(n.routes, r)
	slices.SortFunc(n.routes, func(a, b *Route) int { return strings.Compare(a.pattern, b.pattern) })
	return r
}

// Answered counts an answer. A nil Route counts nothing.
func (r *Route) Answered(status int, took time.Duration) {
	if r == nil {
		return
	}
	class := status / 100
	if class >= len(r.answers) || class < 0 {
		class = 0
	}
	r.answers[class].Inc()
	r.took.Observe(took)
}

func (n *Node) allRoutes() []*Route {
	n.routing.Lock()
	defer n.routing.Unlock()
	return slices.Clone(n.routes)
}

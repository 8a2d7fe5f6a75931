package webui

import (
	"strings"
)

// returns decides where somebody may be sent after they signed in.
//
// Only two kinds of address will do: a path of this server, and one that begins,
// letter by letter, with an origin that the operator listed (or with our own) and
// goes on with "/", "?", "#" or not at all. No URL is parsed, so that no two
// parsers can differ about it: what would need one (another spelling of the
// host, a user before it, a backslash, a control character) is refused.
type returns struct {
	base   string
	own    string
	listed []string
}

// maxReturn bounds an address to return to, in bytes.
const maxReturn = 2000

// check returns the address if it may be gone to, and the origin it leads to: "" for our own.
func (r returns) check(address string) (origin string, ok bool) {
	if address == "" || len(address) > maxReturn || strings.ContainsFunc(address, notInAddress) {
		return "", false
	}
	if strings.HasPrefix(address, "/") {
		return "", !strings.HasPrefix(address, "//")
	}
	for _, origin := range append([]string{r.own}, r.listed...) {
		rest, found := strings.CutPrefix(address, origin)
		if found && (rest == "" || strings.ContainsRune("/?#", rune(rest[0]))) {
			if origin == r.own {
				return "", true
			}
			return origin, true
		}
	}
	return "", false
}

// notInAddress tells what no URL has, once it is encoded (RFC 3986), and what
// browsers drop or take for a slash.
func notInAddress(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune("\\\"<>^`{|}", c) }

// destination is where to go after a sign-in that was asked for with an address,
// and whether that address was refused.
type destination struct {
	Address string // always safe to go to
	Asked   string // what to hand on to the next form: "" if nothing was asked, or it was refused
	Refused bool
	origin  string // "" for our own
}

// Host names the app that waits for the user: "" if none does.
func (d destination) Host() string {
	_, host, _ := strings.Cut(d.origin, "://")
	return host
}

// destination of a request that says return_to.
func (r returns) destination(asked string) destination {
	origin, ok := r.check(asked)
	if !ok {
		return destination{Address: r.base + "/account", Refused: asked != ""}
	}
	return destination{Address: asked, Asked: asked, origin: origin}
}

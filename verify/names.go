package verify

import "strings"

// names are those that an object had so far.
type names struct {
	first  [16]string
	rest   []string
	count  int
	filter uint64 // which sketches were seen; says nothing once wide
	wide   bool   // a name is not ASCII
}

// add reports whether the name is new, compared without regard to case. wide says
// that it may hold more than ASCII.
func (n *names) add(name string, wide bool) bool {
	if n.count >= maxMembers {
		return false
	}
	bit := sketch(name)
	n.wide = n.wide || wide
	if n.wide || n.filter&bit != 0 {
		for i := range min(n.count, len(n.first)) {
			if strings.EqualFold(n.first[i], name) {
				return false
			}
		}
		for _, other := range n.rest {
			if strings.EqualFold(other, name) {
				return false
			}
		}
	}
	n.filter |= bit
	if n.count < len(n.first) {
		n.first[n.count] = name
	} else {
		n.rest = append(n.rest, name)
	}
	n.count++
	return true
}

// sketch is one of 64 bits, which names of ASCII share if they are equal but for
// case. The letters K and S have variants beyond ASCII, so of other names it
// says nothing.
func sketch(name string) uint64 {
	n := uint(len(name))
	if n == 0 {
		return 1
	}
	return 1 << ((n*7 + uint(name[0]|0x20)*5 + uint(name[n/2]|0x20)*3 + uint(name[n-1]|0x20)) & 63)
}

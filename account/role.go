package account

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// isRole reports whether a role may be called so.
func isRole(role string) bool {
	if role == "" || len(role) > 32 {
		return false
	}
	return strings.Trim(role, "abcdefghijklmnopqrstuvwxyz0123456789-_.:") == ""
}

// roleSet sorts roles and drops duplicates.
func roleSet(roles []string) []string {
	set := slices.Clone(roles)
	slices.Sort(set)
	return slices.Compact(set)
}

// known sorts roles, or fails with an ErrUnknownRole for the first that no user may have.
func (s *Service) known(roles []string) ([]string, error) {
	for _, role := range roles {
		if _, ok := slices.BinarySearch(s.roles, role); !ok {
			role = cut(role, 64)
			return nil, &RoleError{role, fmt.Sprintf("Failed! Role %s does not exist!", role), ErrUnknownRole}
		}
	}
	return roleSet(roles), nil
}

// cut shortens text to at most size bytes, between characters, and mends what is
// not UTF-8.
func cut(text string, size int) string {
	if len(text) > size {
		for size > 0 && !utf8.RuneStart(text[size]) {
			size--
		}
		text = text[:size]
	}
	return strings.ToValidUTF8(text, "�")
}

package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/watchwordauth/watchword/httpapi"
)

// A parser reads one setting's text into its field. Its error says what a good
// value looks like; who calls it adds the setting's name and where it was given.
type parser = func(c *config, text string) error

// text takes the value as it stands, if every check passes.
func text(field func(*config) *string, checks ...func(string) error) parser {
	return func(c *config, value string) error {
		for _, check := range checks {
			if err := check(value); err != nil {
				return err
			}
		}
		*field(c) = value
		return nil
	}
}

// texts takes a list, each item of which passes the check.
func texts(field func(*config) *[]string, check func(string) error) parser {
	return func(c *config, value string) error {
		for item := range items(value) {
			if err := check(item); err != nil {
				return err
			}
			if list := field(c); !slices.Contains(*list, item) {
				*list = append(*list, item)
			}
		}
		return nil
	}
}

// items splits a list at its commas.
func items(value string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.TrimSpace(item); item != "" && !yield(item) {
				return
			}
		}
	}
}

// either takes one of two words, or true and false for them.
func either(field func(*config) *bool, yes, no string) parser {
	return func(c *config, value string) error {
		switch strings.ToLower(value) {
		case yes, "true", "1":
			*field(c) = true
		case no, "false", "0":
			*field(c) = false
		default:
			return fmt.Errorf("it is %s or %s", yes, no)
		}
		return nil
	}
}

func duration(field func(*config) *time.Duration) parser {
	return func(c *config, value string) error {
		d, err := parseDuration(value)
		if err != nil {
			return err
		}
		*field(c) = d
		return nil
	}
}

// parseDuration reads what time.ParseDuration reads, and days before it: 7d, 1d12h.
func parseDuration(value string) (time.Duration, error) {
	malformed := errors.New("it is a duration, such as 30s, 10m, 12h or 7d")
	if _, err := strconv.Atoi(value); err == nil && value != "0" {
		return 0, fmt.Errorf("it needs a unit: %ss, %[1]sm, %[1]sh or %[1]sd", value)
	}
	var days time.Duration
	if head, rest, found := strings.Cut(value, "d"); found {
		n, err := strconv.ParseUint(head, 10, 16)
		if err != nil {
			return 0, malformed
		}
		days, value = time.Duration(n)*24*time.Hour, rest
		if rest == "" {
			return days, nil
		}
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		return 0, malformed
	}
	return days + d, nil
}

func number(field func(*config) *int) parser {
	return func(c *config, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return errors.New("it is a whole number, at least 1")
		}
		*field(c) = n
		return nil
	}
}

// address takes host:port, or a port on this machine alone.
func address(field func(*config) *string) parser {
	return func(c *config, value string) error {
		if _, err := strconv.ParseUint(value, 10, 16); err == nil {
			value = net.JoinHostPort("127.0.0.1", value)
		}
		_, port, err := net.SplitHostPort(value)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err != nil {
			return errors.New("it is host:port, such as 127.0.0.1:8080")
		}
		*field(c) = value
		return nil
	}
}

// networks takes addresses and networks; an address is the network of itself.
func networks(field func(*config) *[]netip.Prefix) parser {
	return func(c *config, value string) error {
		for item := range items(value) {
			prefix, err := netip.ParsePrefix(item)
			if address, notPrefix := netip.ParseAddr(item); notPrefix == nil {
				prefix, err = address.Prefix(address.BitLen())
			}
			if err != nil {
				return errors.New("it is an address or a network, such as 10.0.0.7 or 10.0.0.0/8")
			}
			if prefix.Bits() == 0 {
				return errors.New("it would trust everybody: name the proxy's address or network")
			}
			*field(c) = append(*field(c), prefix.Masked())
		}
		return nil
	}
}

// clients takes programs that have a secret.
func clients(c *config, value string) error {
	for item := range items(value) {
		client, err := httpapi.ParseClient(item)
		if err != nil {
			return err
		}
		c.Clients = append(c.Clients, client)
	}
	return nil
}

// anything passes what is checked elsewhere.
func anything(string) error { return nil }

func oneOf(words ...string) func(string) error {
	return func(value string) error {
		if slices.Contains(words, value) {
			return nil
		}
		last := len(words) - 1
		return fmt.Errorf("it is %s or %s", strings.Join(words[:last], ", "), words[last])
	}
}

// isOrigin checks for scheme://host[:port] and nothing more.
func isOrigin(value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("it is an origin, such as https://app.example or http://localhost:8081")
	}
	if strings.Contains(u.Host, "*") {
		return errors.New("it is one exact origin: a wildcard would let any page act as the user")
	}
	if plain := u.Scheme + "://" + u.Host; plain != value {
		return fmt.Errorf("it is scheme, host and port alone: %s", plain)
	}
	return nil
}

// isIssuer checks for an http(s) URL without query and fragment, as RFC 8414
// section 2 wants it.
func isIssuer(value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return errors.New("it is a URL, such as https://sign-in.example")
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(value, "/") {
		return errors.New("it has no query, no fragment and no slash at its end")
	}
	return nil
}

package httpapi

import (
	"net/http"
	"slices"

	"github.com/watchwordauth/watchword/signing"
)

// metadata answers GET /.well-known/oauth-authorization-server (RFC 8414) and, for
// libraries that look only there, /.well-known/openid-configuration. It names what
// there is, and nothing that there is not: no authorization endpoint, and no
// introspection where no client may ask.
func (a *api) metadata(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "public, max-age=3600")
	bySecret := []string{"client_secret_basic", "client_secret_post"}
	methods, introspection := []string{"none"}, ""
	if len(a.Clients) > 0 {
		methods, introspection = append(methods, bySecret...), a.Issuer+introspectPath
	} else {
		bySecret = nil
	}
	return reply(w, http.StatusOK, struct {
		Issuer         string   `json:"issuer"`
		JWKS           string   `json:"jwks_uri"`
		Token          string   `json:"token_endpoint"`
		TokenBy        []string `json:"token_endpoint_auth_methods_supported"`
		Revocation     string   `json:"revocation_endpoint"`
		RevocationBy   []string `json:"revocation_endpoint_auth_methods_supported"`
		Introspect     string   `json:"introspection_endpoint,omitempty"`
		IntrospectBy   []string `json:"introspection_endpoint_auth_methods_supported,omitempty"`
		Responses      []string `json:"response_types_supported"`
		Grants         []string `json:"grant_types_supported"`
		Subjects       []string `json:"subject_types_supported"`
		Signatures     []string `json:"id_token_signing_alg_values_supported"`
		Revocations    string   `json:"watchword_revocations_uri"`
		ServiceDetails string   `json:"service_documentation"`
	}{
		Issuer:         a.Issuer,
		JWKS:           a.Issuer + "/.well-known/jwks.json",
		Token:          a.Issuer + tokenPath,
		TokenBy:        methods,
		Revocation:     a.Issuer + revokePath,
		RevocationBy:   methods,
		Introspect:     introspection,
		IntrospectBy:   bySecret,
		Responses:      []string{},
		Grants:         []string{"refresh_token"}, // left out it would mean authorization_code and implicit
		Subjects:       []string{"public"},
		Signatures:     a.algorithms(),
		Revocations:    a.Issuer + "/api/auth/revocations",
		ServiceDetails: a.Issuer + "/openapi.yaml",
	})
}

// algorithms are those of the keys that access tokens may be signed with now.
func (a *api) algorithms() []string {
	var names []string
	for _, k := range a.Keys.List() {
		if k.State != signing.Retired && k.State != signing.Revoked && !slices.Contains(names, k.Algorithm) {
			names = append(names, k.Algorithm)
		}
	}
	return names
}

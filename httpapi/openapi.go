package httpapi

import (
	_ "embed"
	"net/http"
)

// contract is the description of this API, in OpenAPI 3.0.
//
//go:embed openapi.yaml
var contract []byte

// openAPI answers GET /openapi.yaml.
func openAPI(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	w.Write(contract)
	return nil
}

package httpapi

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
)

// The routes of the server and the paths of the contract are the same.
func TestEveryRouteIsInTheContractAndNothingElse(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(contract)
	if err != nil {
		t.Fatal(err)
	}
	var promised, served []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			promised = append(promised, method+" "+path)
		}
	}
	a := &api{Config: Config{Demo: true}}
	for _, r := range a.routes() {
		served = append(served, r.method+" "+r.path)
	}
	for _, path := range []string{verifyPath, verifyPath + "/{path}", verifyRolePath + "{role}", verifyRolePath + "{role}/{path}"} {
		served = append(served, "GET "+path)
	}
	slices.Sort(promised)
	slices.Sort(served)
	if diff := cmp.Diff(served, promised); diff != "" {
		t.Errorf("served, but not promised (-), or promised, but not served (+):\n%s", diff)
	}
}

// Every code is in the contract and explained in docs/problems.md, with its status.
func TestEveryCodeIsPromisedAndExplained(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(contract)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/problems.md")
	if err != nil {
		t.Fatal(err)
	}
	var promised, known, explained []string
	for _, code := range doc.Components.Schemas["Code"].Value.Enum {
		promised = append(promised, code.(string))
	}
	for code := range catalogue {
		known = append(known, string(code))
	}
	for line := range strings.Lines(string(page)) {
		if heading, ok := strings.CutPrefix(line, "### "); ok {
			explained = append(explained, strings.TrimSpace(heading))
		}
	}
	slices.Sort(promised)
	slices.Sort(known)
	slices.Sort(explained)
	if diff := cmp.Diff(known, promised); diff != "" {
		t.Errorf("known (-) and promised (+) codes differ:\n%s", diff)
	}
	if diff := cmp.Diff(known, explained); diff != "" {
		t.Errorf("known (-) and explained (+) codes differ:\n%s", diff)
	}
}

// Command chi is an API on chi that accepts Watchword's access tokens.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/watchwordauth/watchword/verify"
)

func main() {
	v, err := verify.New(context.Background(), "http://localhost:8080", "watchword")
	if err != nil {
		log.Fatal(err) // the configuration is wrong; a Watchword that is down is not an error
	}
	defer v.Close()
	log.Fatal(http.ListenAndServe("127.0.0.1:3000", api(v)))
}

func api(v *verify.Verifier) http.Handler {
	r := chi.NewRouter()
	r.Get("/", home)
	r.With(v.Require).Get("/orders", list)
	r.With(v.RequireRole("admin")).Delete("/orders/{id}", remove)
	return r
}

func home(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "orders are at /orders") }

func list(w http.ResponseWriter, r *http.Request) {
	claims, _ := verify.FromContext(r.Context()) // Require has put them there
	fmt.Fprintf(w, "the orders of %s\n", claims.Username)
}

func remove(w http.ResponseWriter, r *http.Request) {
	claims, _ := verify.FromContext(r.Context())
	fmt.Fprintf(w, "%s deleted order %s\n", claims.Username, chi.URLParam(r, "id"))
}

// Command nethttp is an API on net/http that accepts Watchword's access tokens.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"

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
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", home)
	mux.Handle("GET /orders", v.Require(http.HandlerFunc(list)))
	mux.Handle("DELETE /orders/{id}", v.RequireRole("admin")(http.HandlerFunc(remove)))
	return mux
}

func home(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "orders are at /orders") }

func list(w http.ResponseWriter, r *http.Request) {
	claims, _ := verify.FromContext(r.Context()) // Require has put them there
	fmt.Fprintf(w, "the orders of %s\n", claims.Username)
}

func remove(w http.ResponseWriter, r *http.Request) {
	claims, _ := verify.FromContext(r.Context())
	fmt.Fprintf(w, "%s deleted order %s\n", claims.Username, r.PathValue("id"))
}

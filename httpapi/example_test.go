package httpapi_test

import (
	"fmt"
	"net/http"

	"github.com/watchwordauth/watchword/httpapi"
)

// The package watchword wires the API; these are what others need of it.

func ExampleParseOrigin() {
	origin, err := httpapi.ParseOrigin("https://APP.example.com:443/")
	fmt.Println(origin, err)
	_, err = httpapi.ParseOrigin("*")
	fmt.Println(err)
	// Output:
	// https://app.example.com <nil>
	// origin "*": list each origin: cookies and tokens are not for every site
}

func ExampleAccessToken() {
	r, _ := http.NewRequest("GET", "https://api.example.com/orders", nil)
	r.Header.Set("x-access-token", "eyJ…")
	fmt.Println(httpapi.AccessToken(r))
	// Output: eyJ… <nil>
}

func ExampleLoopback() {
	fmt.Println(httpapi.Loopback("localhost"), httpapi.Loopback("::1"), httpapi.Loopback("localhost.example.com"))
	// Output: true true false
}

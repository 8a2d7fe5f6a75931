// Command echo is an API on echo that accepts Watchword's access tokens.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"slices"

	"github.com/labstack/echo/v5"

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

// require lets a request through with a valid access token that carries one of the
// roles, or any if none is named.
func require(v *verify.Verifier, roles ...string) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			claims, err := v.VerifyRequest(c.Request())
			if err == nil && len(roles) > 0 && !slices.ContainsFunc(roles, claims.Has) {
				err = verify.ErrRole
			}
			if err != nil {
				verify.Explain(err).Write(c.Response())
				return nil
			}
			c.Set("claims", claims)
			return next(c)
		}
	}
}

func claimsOf(c *echo.Context) *verify.Claims { return c.Get("claims").(*verify.Claims) }

func api(v *verify.Verifier) http.Handler {
	e := echo.New()
	e.GET("/", func(c *echo.Context) error { return c.String(http.StatusOK, "orders are at /orders\n") })
	e.GET("/orders", func(c *echo.Context) error {
		return c.String(http.StatusOK, fmt.Sprintf("the orders of %s\n", claimsOf(c).Username))
	}, require(v))
	e.DELETE("/orders/:id", func(c *echo.Context) error {
		return c.String(http.StatusOK, fmt.Sprintf("%s deleted order %s\n", claimsOf(c).Username, c.Param("id")))
	}, require(v, "admin"))
	return e
}

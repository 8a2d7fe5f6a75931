// Command gin is an API on gin that accepts Watchword's access tokens.
package main

import (
	"context"
	"log"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

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
func require(v *verify.Verifier, roles ...string) gin.HandlerFunc {
	return func(c *gin.Context) {
		claims, err := v.VerifyRequest(c.Request)
		if err == nil && len(roles) > 0 && !slices.ContainsFunc(roles, claims.Has) {
			err = verify.ErrRole
		}
		if err != nil {
			verify.Explain(err).Write(c.Writer)
			c.Abort()
			return
		}
		c.Set("claims", claims)
	}
}

func claimsOf(c *gin.Context) *verify.Claims { return c.MustGet("claims").(*verify.Claims) }

func api(v *verify.Verifier) http.Handler {
	r := gin.New()
	r.GET("/", func(c *gin.Context) { c.String(http.StatusOK, "orders are at /orders\n") })
	r.GET("/orders", require(v), func(c *gin.Context) {
		c.String(http.StatusOK, "the orders of %s\n", claimsOf(c).Username)
	})
	r.DELETE("/orders/:id", require(v, "admin"), func(c *gin.Context) {
		c.String(http.StatusOK, "%s deleted order %s\n", claimsOf(c).Username, c.Param("id"))
	})
	return r
}

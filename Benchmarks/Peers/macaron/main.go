// The counter of the comparison with Macaron's session middleware, which comes from that of Beego.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/go-macaron/session"
	_ "github.com/go-macaron/session/redis"
	"gopkg.in/macaron.v1"
)

// macaron PORT memory:|file:FOLDER|redis:ADDRESS
func main() {
	macaron.Env = macaron.PROD
	sessions := session.Sessioner(options(os.Args[2]))
	app := macaron.New()
	app.Get("/api/plain", func(ctx *macaron.Context) {
		answer(ctx, `{"ok":true}`)
	})
	app.Post("/api/counter/n", sessions, func(ctx *macaron.Context, values session.Store) {
		value, _ := values.Get("n").(int)
		if err := values.Set("n", value+1); err != nil {
			http.Error(ctx.Resp, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(ctx, fmt.Sprintf(`{"value":%d}`, value+1))
	})
	app.Get("/api/values/n", sessions, func(ctx *macaron.Context, values session.Store) {
		value, found := values.Get("n").(int)
		if !found {
			http.NotFound(ctx.Resp, ctx.Req.Request)
			return
		}
		answer(ctx, fmt.Sprint(value))
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], app))
}

func options(address string) session.Options {
	kind, place, _ := strings.Cut(address, ":")
	options := session.Options{Provider: kind, ProviderConfig: place, CookieName: "session"}
	if kind == "redis" {
		// As many connections as the load has.
		options.ProviderConfig = "network=tcp,addr=" + place + ",pool_size=32"
	}
	return options
}

func answer(ctx *macaron.Context, json string) {
	ctx.Resp.Header().Set("Content-Type", "application/json")
	ctx.Resp.Write([]byte(json))
}

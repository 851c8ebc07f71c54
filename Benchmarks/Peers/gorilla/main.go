// The counter of the comparison with gorilla/sessions, as its documentation shows it.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/boj/redistore"
	"github.com/gorilla/sessions"
)

// gorilla PORT file:FOLDER|redis:ADDRESS
func main() {
	store := open(os.Args[2])
	http.HandleFunc("/api/plain", func(w http.ResponseWriter, r *http.Request) {
		answer(w, `{"ok":true}`)
	})
	http.HandleFunc("/api/counter/n", func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "session")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		value, _ := session.Values["n"].(int)
		session.Values["n"] = value + 1
		if err := session.Save(r, w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(w, fmt.Sprintf(`{"value":%d}`, value+1))
	})
	http.HandleFunc("/api/values/n", func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "session")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		value, found := session.Values["n"].(int)
		if !found {
			http.NotFound(w, r)
			return
		}
		answer(w, fmt.Sprint(value))
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}

func open(address string) sessions.Store {
	key := []byte("0123456789abcdef0123456789abcdef")
	kind, place, _ := strings.Cut(address, ":")
	if kind == "file" {
		return sessions.NewFilesystemStore(place, key)
	}
	// As many connections as the load has.
	store, err := redistore.NewRediStore(32, "tcp", place, "", key)
	if err != nil {
		log.Fatal(err)
	}
	return store
}

func answer(w http.ResponseWriter, json string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, json)
}

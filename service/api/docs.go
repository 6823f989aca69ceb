package api

import (
	"embed"
	"io/fs"
	"net/http"
)

//go:embed docs
var pages embed.FS

// docsPolicy lets the page load nothing but itself and the document it shows.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"

// docs serves a page that shows /openapi.json. It works without any other
// server, because where this runs there may be none.
func (a *API) docs() {
	files, err := fs.Sub(pages, "docs")
	if err != nil { // cannot happen: the folder is embedded above
		return
	}
	serve := http.StripPrefix("/docs/", http.FileServerFS(files))
	a.mux.HandleFunc("GET /docs/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", docsPolicy)
		serve.ServeHTTP(w, r)
	})
	a.mux.Handle("GET /docs", http.RedirectHandler("/docs/", http.StatusMovedPermanently))
}

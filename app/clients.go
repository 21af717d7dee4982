package app

import (
	"net/http"
	"strings"
	"time"

	"github.com/gregjones/httpcache"
	lru "github.com/hashicorp/golang-lru"
	"github.com/palantir/go-githubapp/githubapp"

	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/server"
)

const (
	cachedClients   = 512 // installations whose client, with token and cache, is kept
	cachedResponses = 256 // per installation; a response is a few KB
)

// Clients makes the GitHub clients. Every read is revalidated, because a
// decision on something stale is a wrong decision.
func Clients(cfg config.GitHub, version string, metrics *server.Metrics) (githubapp.ClientCreator, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	api := strings.TrimSuffix(cfg.APIURL, "/") + "/"
	creator := githubapp.NewClientCreator(api, api, cfg.AppID, []byte(cfg.PrivateKey.Reveal()),
		githubapp.WithClientUserAgent("lockkeeper/"+version),
		githubapp.WithClientTimeout(20*time.Second),
		githubapp.WithClientCaching(true, newResponseCache),
		githubapp.WithClientMiddleware(metrics.GitHubClient),
		githubapp.WithTransport(transport))
	return githubapp.NewCachingClientCreator(renewing{creator}, cachedClients)
}

// responseCache is a bounded httpcache.Cache.
type responseCache struct{ entries *lru.Cache }

func newResponseCache() httpcache.Cache {
	entries, err := lru.New(cachedResponses)
	if err != nil { // only a size below 1 is an error
		panic(err)
	}
	return responseCache{entries}
}

func (c responseCache) Get(key string) ([]byte, bool) {
	v, ok := c.entries.Get(key)
	if !ok {
		return nil, false
	}
	return v.([]byte), true
}

func (c responseCache) Set(key string, response []byte) { c.entries.Add(key, response) }
func (c responseCache) Delete(key string)               { c.entries.Remove(key) }

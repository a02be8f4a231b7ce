package signing

// Where the two documents are, below our public address.
const (
	PathBrand = "/.well-known/brand.json"
	PathKeys  = "/.well-known/jwks.json"
)

// Brand is our brand.json: that there is a buying agent, and where its keys are (contract B55). It is the schema's form for those who publish nothing but
// agents.
type Brand struct {
	Version string  `json:"version"`
	Agents  []Agent `json:"agents"`
}

// Agent is an entry of brand.json.
type Agent struct {
	Type        string `json:"type"`
	URL         string `json:"url"`
	ID          string `json:"id"`
	Description string `json:"description"`
	JWKSURI     string `json:"jwks_uri"`
}

// BrandAt returns the brand.json of the orchestrator at a public address, given without a trailing slash.
func BrandAt(base string) Brand {
	return Brand{Version: "1.0", Agents: []Agent{{Type: "buying", URL: base, ID: "orchestrator",
		Description: "Buys advertising and signs its requests with the keys of jwks_uri", JWKSURI: base + PathKeys}}}
}

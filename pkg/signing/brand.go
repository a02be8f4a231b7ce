package signing

// The paths of the two public documents, below the orchestrator's public base URL.
const (
	PathBrand = "/.well-known/brand.json"
	PathKeys  = "/.well-known/jwks.json"
)

// Brand is the orchestrator's brand.json. It names one buying agent and the address of its keys
// (contract B55). It has the schema's form for documents that list agents only.
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

// BrandAt returns the brand.json of the orchestrator at a public base URL without a trailing slash.
func BrandAt(base string) Brand {
	return Brand{
		Version: "1.0",
		Agents: []Agent{{
			Type:        "buying",
			URL:         base,
			ID:          "orchestrator",
			Description: "Buys advertising and signs its requests with the keys of jwks_uri",
			JWKSURI:     base + PathKeys,
		}},
	}
}

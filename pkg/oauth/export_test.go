package oauth

// Kept returns how many tokens the client holds, and in how many bytes.
func (c *Client) Kept() (entries, bytes int) { return c.tokens.Size() }

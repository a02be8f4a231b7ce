package baseline

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// at is the key of an item.
type at struct{ pk, sk string }

func (w *world) operationAt(id string) at { return at{w.tenant + "#op#" + id, "operation"} }
func (w *world) profileAt() at            { return at{w.tenant + "#agent#seller", "profile"} }

func (k at) attributes() map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: k.pk}, "sk": &types.AttributeValueMemberS{Value: k.sk},
	}
}

// item reads an item as it is stored.
func (w *world) item(t *testing.T, k at) map[string]types.AttributeValue {
	t.Helper()
	out, err := w.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &w.table, Key: k.attributes(), ConsistentRead: aws.Bool(true),
	})
	must(t, err)
	if out.Item == nil {
		t.Fatalf("no item %v", k)
	}
	return out.Item
}

// attribute returns a text of an item, "" if it has none.
func attribute(item map[string]types.AttributeValue, name string) string {
	if v, ok := item[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

// doc reads an item's document.
func (w *world) doc(t *testing.T, k at) map[string]any {
	t.Helper()
	var doc map[string]any
	must(t, json.Unmarshal([]byte(attribute(w.item(t, k), "doc")), &doc))
	return doc
}

// set writes an attribute as newer code would, which leaves everything else alone.
func (w *world) set(t *testing.T, k at, name, value string) {
	t.Helper()
	_, err := w.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &w.table, Key: k.attributes(),
		UpdateExpression:         aws.String("SET #name = :value"),
		ExpressionAttributeNames: map[string]string{"#name": name},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":value": &types.AttributeValueMemberS{Value: value},
		},
	})
	must(t, err)
}

// foreign are members whose content is not made of our structs.
var foreign = []string{"prompt", "details", "issues", "members", "parts", "key_origins"}

// extend adds a member that no code knows to each object of a document, and stores it. It returns
// where the members are: "" for the document itself, "webhook" and so on.
func (w *world) extend(t *testing.T, k at, change func(doc map[string]any)) (places []string) {
	t.Helper()
	doc := w.doc(t, k)
	if change != nil {
		change(doc)
	}
	walk(doc, "", func(place string, object map[string]any) {
		object["later"] = map[string]any{"of": place, "html": "<&>", "list": []any{1.5, nil}}
		places = append(places, place)
	})
	w.set(t, k, "doc", text(t, doc))
	return places
}

// kept checks that the members of extend are still there, except for those that the build loses.
func (w *world) kept(t *testing.T, k at, b build, places []string) {
	t.Helper()
	found := map[string]string{}
	walk(w.doc(t, k), "", func(place string, object map[string]any) {
		if later, ok := object["later"]; ok {
			found[place] = text(t, later)
		}
	})
	for _, place := range places {
		top, _, _ := strings.Cut(place, ".")
		want := text(t, map[string]any{"of": place, "html": "<&>", "list": []any{1.5, nil}})
		if lost := slices.Contains(b.loses, top); lost && found[place] != "" {
			t.Errorf("%s keeps what it does not know in %q: take that off its list", b.name, place)
		} else if !lost && found[place] != want {
			t.Errorf("%s has lost what it does not know in %q of %s: %q", b.name, place, k.sk, found[place])
		}
	}
}

// walk visits all objects of a document, outer ones first, except for foreign ones and those that
// extend has added.
func walk(v any, place string, visit func(place string, object map[string]any)) {
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			walk(e, fmt.Sprintf("%s.%d", place, i), visit)
		}
	case map[string]any:
		visit(place, v)
		for name := range v {
			if !slices.Contains(foreign, name) && name != "later" {
				walk(v[name], strings.TrimPrefix(place+"."+name, "."), visit)
			}
		}
	}
}

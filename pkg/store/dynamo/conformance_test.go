package dynamo_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/store/layout"
	"adcp-orchestrator/pkg/store/storetest"
)

var _ storetest.Store = (*dynamo.Store)(nil)

// newTable creates a table, on the emulator that AWS_ENDPOINT_URL names.
func newTable(prefix string) (string, error) {
	name := fmt.Sprintf("%s-%d", prefix, time.Now().UnixNano())
	attribute := func(n string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: aws.String(n), AttributeType: types.ScalarAttributeTypeS}
	}
	schema := func(hash, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{
			{AttributeName: aws.String(hash), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String(sort), KeyType: types.KeyTypeRange},
		}
	}
	attributes := []types.AttributeDefinition{attribute("pk"), attribute("sk")}
	var indexes []types.GlobalSecondaryIndex
	for _, i := range layout.Indexes {
		attributes = append(attributes, attribute(i.PK), attribute(i.SK))
		indexes = append(indexes, types.GlobalSecondaryIndex{IndexName: &i.Name, KeySchema: schema(i.PK, i.SK),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}})
	}
	_, err := dynamodb.NewFromConfig(config.AWS("DYNAMODB")).CreateTable(context.Background(), &dynamodb.CreateTableInput{
		TableName:              &name,
		BillingMode:            types.BillingModePayPerRequest,
		AttributeDefinitions:   attributes,
		KeySchema:              schema("pk", "sk"),
		GlobalSecondaryIndexes: indexes,
	})
	return name, err
}

// The suite shares a table with other tenants, who have items in each of its indexes and queues.
func TestStore(t *testing.T) {
	t.Parallel()
	api, table := emulated(t)
	fillOthers(t, api, table)
	t.Cleanup(func() { checkKeys(t, table) }) // after the suite has written every kind of item
	storetest.Run(t, func(t *testing.T, now func() time.Time, empty bool) storetest.Table {
		api, table := api, table
		if empty {
			api, table = emulated(t)
		}
		return rawTable{dynamo.New(api, table, now), api, table}
	})
}

// rawTable reaches the table's items without the store.
type rawTable struct {
	*dynamo.Store
	api   *dynamodb.Client
	table string
}

func (r rawTable) key(tenant, opID string) attributes {
	return attributes{
		"pk": &types.AttributeValueMemberS{Value: tenant + "#op#" + opID},
		"sk": &types.AttributeValueMemberS{Value: "operation"},
	}
}

func (r rawTable) Attribute(ctx context.Context, tenant, opID, name string) (string, error) {
	out, err := r.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &r.table, Key: r.key(tenant, opID), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return "", err
	}
	v, _ := out.Item[name].(*types.AttributeValueMemberS)
	if v == nil {
		return "", nil
	}
	return v.Value, nil
}

func (r rawTable) SetAttribute(ctx context.Context, tenant, opID, name, value string) error {
	_, err := r.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                 &r.table,
		Key:                       r.key(tenant, opID),
		UpdateExpression:          aws.String("SET #name = :value"),
		ExpressionAttributeNames:  map[string]string{"#name": name},
		ExpressionAttributeValues: attributes{":value": &types.AttributeValueMemberS{Value: value}},
	})
	return err
}

func (r rawTable) TTLs(ctx context.Context, tenant, opID string) (map[string]int64, error) {
	out, err := r.api.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &r.table,
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: attributes{":pk": r.key(tenant, opID)["pk"]},
	})
	if err != nil {
		return nil, err
	}
	ttls := map[string]int64{}
	for _, i := range out.Items {
		sk := i["sk"].(*types.AttributeValueMemberS).Value
		ttls[sk] = 0
		if ttl, ok := i["ttl"].(*types.AttributeValueMemberN); ok {
			if ttls[sk], err = strconv.ParseInt(ttl.Value, 10, 64); err != nil {
				return nil, err
			}
		}
	}
	return ttls, nil
}

func (r rawTable) RefTTLs(ctx context.Context, tenant, name string) (ttls []int64, err error) {
	pk := &types.AttributeValueMemberS{Value: layout.RefKey(tenant, name).Text("pk")}
	out, err := r.api.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &r.table,
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: attributes{":pk": pk},
	})
	if err != nil {
		return nil, err
	}
	for _, i := range out.Items {
		ttl := int64(0)
		if v, ok := i["ttl"].(*types.AttributeValueMemberN); ok {
			if ttl, err = strconv.ParseInt(v.Value, 10, 64); err != nil {
				return nil, err
			}
		}
		ttls = append(ttls, ttl)
	}
	return ttls, nil
}

func (r rawTable) Drop(ctx context.Context, tenant, opID, sk string) error {
	k := r.key(tenant, opID)
	k["sk"] = &types.AttributeValueMemberS{Value: sk}
	_, err := r.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &r.table, Key: k})
	return err
}

// checkKeys checks that every key of the table starts with a tenant, so that no tenant can reach
// the items of another. Only the gates of origins are everybody's.
func checkKeys(t *testing.T, table string) {
	kinds := map[string]bool{}
	pages := dynamodb.NewScanPaginator(dynamodb.NewFromConfig(config.AWS("DYNAMODB")),
		&dynamodb.ScanInput{TableName: &table, ProjectionExpression: aws.String("pk")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page.Items {
			pk := i["pk"].(*types.AttributeValueMemberS).Value
			tenant, rest, _ := strings.Cut(pk, "#")
			if strings.HasPrefix(tenant, others) {
				continue
			}
			kind, _, named := strings.Cut(rest, "#")
			everybody := tenant == "*" && kind == "origin" || tenant == "-" && kind == "lease"
			if !strings.HasPrefix(tenant, storetest.TenantPrefix) && !everybody || !named {
				t.Errorf("key %q does not start with a tenant of the suite", pk)
			}
			kinds[kind] = true
		}
	}
	for _, k := range []string{
		"op", "idempotency", "natural_key", "task", "delivery", "agent", "api_key", "api_key_record",
		"api_key_admins", "api_key_request", "audit", "keyring", "nonce", "nonces",
		"quarantine", "quarantined", "limit", "lease", "gate", "origin",
		"ref", "open",
		"webhook_endpoint", "webhook_endpoint_key", "webhook_delivery",
	} {
		if !kinds[k] {
			t.Errorf("no item of kind %s was written", k)
		}
	}
}

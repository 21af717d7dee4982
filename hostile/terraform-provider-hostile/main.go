// Terraform-provider-hostile is the program that an attacker's pull request
// brings: a provider that speaks Terraform's plugin protocol, and whose data
// source carries out attacks of package attack when it is read, which is at plan
// time.
//
// Called as "terraform-provider-hostile attack NAME…", with its target as JSON on
// standard input or in the file that HOSTILE_TARGET names, it carries them out by
// itself: so does local-exec.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/lockkeeper/lockkeeper/hostile/attack"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "attack" {
		os.Exit(attacker(os.Args[2:]))
	}
	if attack.Child(os.Args) { // what an attack starts of itself
		return
	}
	err := tf6server.Serve("registry.terraform.io/acme/hostile", func() tfprotov6.ProviderServer { return provider{} })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// attacker carries out attacks one after the other and prints their reports.
func attacker(names []string) int {
	var in io.Reader = os.Stdin
	if file := os.Getenv("HOSTILE_TARGET"); file != "" {
		f, err := os.Open(file)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		in = f
	}
	var target attack.Target
	if err := json.NewDecoder(in).Decode(&target); err != nil {
		fmt.Fprintln(os.Stderr, "reading the target:", err)
		return 1
	}
	for _, name := range names {
		attack.Run(os.Stdout, name, target)
	}
	return 0
}

// schema of the data source hostile_attack.
var (
	schema = &tfprotov6.Schema{Block: &tfprotov6.SchemaBlock{Attributes: []*tfprotov6.SchemaAttribute{
		{Name: "names", Type: tftypes.List{ElementType: tftypes.String}, Required: true},
		{Name: "target", Type: tftypes.String, Required: true},
		{Name: "report", Type: tftypes.String, Computed: true},
	}}}
	dataType = schema.ValueType()
)

// provider answers what terraform asks of a provider with one data source. The
// embedded interface is nil: nothing else is asked of it.
type provider struct{ tfprotov6.ProviderServer }

func (provider) GetProviderSchema(context.Context, *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	return &tfprotov6.GetProviderSchemaResponse{
		Provider:          &tfprotov6.Schema{Block: &tfprotov6.SchemaBlock{}},
		DataSourceSchemas: map[string]*tfprotov6.Schema{"hostile_attack": schema},
	}, nil
}

func (provider) GetMetadata(context.Context, *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	return &tfprotov6.GetMetadataResponse{DataSources: []tfprotov6.DataSourceMetadata{{TypeName: "hostile_attack"}}}, nil
}

func (provider) GetResourceIdentitySchemas(context.Context, *tfprotov6.GetResourceIdentitySchemasRequest) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov6.GetResourceIdentitySchemasResponse{}, nil
}

func (provider) ValidateProviderConfig(_ context.Context, r *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: r.Config}, nil
}

func (provider) ConfigureProvider(context.Context, *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	return &tfprotov6.ConfigureProviderResponse{}, nil
}

func (provider) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}

func (provider) ValidateDataResourceConfig(context.Context, *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	return &tfprotov6.ValidateDataResourceConfigResponse{}, nil
}

func (provider) ReadDataSource(ctx context.Context, r *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	value, err := read(ctx, r.Config)
	if err != nil {
		return &tfprotov6.ReadDataSourceResponse{Diagnostics: []*tfprotov6.Diagnostic{{
			Severity: tfprotov6.DiagnosticSeverityError, Summary: "The attacks could not be carried out", Detail: err.Error(),
		}}}, nil
	}
	return &tfprotov6.ReadDataSourceResponse{State: value}, nil
}

// read carries out the attacks of a data source and makes their reports its
// result.
func read(ctx context.Context, config *tfprotov6.DynamicValue) (*tfprotov6.DynamicValue, error) {
	value, err := config.Unmarshal(dataType)
	if err != nil {
		return nil, err
	}
	var attributes map[string]tftypes.Value
	var list []tftypes.Value
	var target string
	if err := value.As(&attributes); err != nil {
		return nil, err
	}
	if err := attributes["names"].As(&list); err != nil {
		return nil, err
	}
	if err := attributes["target"].As(&target); err != nil {
		return nil, err
	}
	var report strings.Builder
	for _, v := range list {
		var name string
		if err := v.As(&name); err != nil {
			return nil, err
		}
		report.WriteString(carryOut(ctx, name, target))
	}
	attributes["report"] = tftypes.NewValue(tftypes.String, report.String())
	result, err := tfprotov6.NewDynamicValue(dataType, tftypes.NewValue(dataType, attributes))
	return &result, err
}

// carryOut runs one attack as a program of its own: what is done to it is not
// done to the provider. Only an attack that hangs is ended.
func carryOut(ctx context.Context, name, target string) string {
	ctx, cancel := context.WithTimeout(ctx, attack.Patience(name))
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "attack", name)
	cmd.Stdin, cmd.WaitDelay = strings.NewReader(target), time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		fmt.Fprintf(&out, "hostile %s ended: %v\n", name, err)
	}
	return strings.ToValidUTF8(out.String(), "?")
}

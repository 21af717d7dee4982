package deploy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// What a first deploy made and could not finish must be gone for the next one, and
// what was in use must survive the end of the stack (AWS CloudFormation user guide,
// "DeletionPolicy attribute").
func TestAFailedFirstDeployLeavesNoNameTaken(t *testing.T) {
	for name, r := range parsed(t).Resources {
		if r.DeletionPolicy == "Retain" {
			t.Errorf("%s stays when the first deploy fails, and the second one finds its name taken", name)
		}
	}
}

// Accounts of enterprises refuse roles without their boundary or outside of their path.
func TestEveryRoleTakesTheRulesOfTheAccount(t *testing.T) {
	roles := 0
	for name, r := range parsed(t).Resources {
		switch r.Type {
		case "AWS::IAM::Role":
			roles++
			if text := fmt.Sprint(r.Properties["PermissionsBoundary"]); !strings.Contains(text, "HasBoundary") {
				t.Errorf("%s has no boundary: %s", name, text)
			}
			fallthrough
		case "AWS::IAM::ManagedPolicy":
			if text := fmt.Sprint(r.Properties["Path"]); text != "map[Ref:RolePath]" {
				t.Errorf("%s has the path %s", name, text)
			}
		}
	}
	if roles != 7 {
		t.Errorf("%d roles were looked at", roles)
	}
}

// Fargate takes only these pairs (Amazon ECS developer guide, "Task CPU and memory").
func TestPairsThatFargateRefusesAreRefusedByTheTemplate(t *testing.T) {
	b := parsed(t)
	rules, err := json.Marshal(b.Rules)
	if err != nil {
		t.Fatal(err)
	}
	for vcpu, memory := range map[string][]string{
		"1": {"2048", "4096", "8192"}, "2": {"4096", "8192", "16384"}, "4": {"8192", "16384"}, "8": {"16384"},
	} {
		pairs, err := json.Marshal(memory)
		if err != nil {
			t.Fatal(err)
		}
		condition := fmt.Sprintf(`"Assert":{"Fn::Contains":[%s,{"Ref":"JobMemory"}]}`, pairs)
		rule := fmt.Sprintf(`"RuleCondition":{"Fn::Equals":[{"Ref":"JobVcpu"},"%s"]}`, vcpu)
		if n := strings.Index(string(rules), rule); n < 0 || !strings.Contains(string(rules)[:n], condition) {
			t.Errorf("%s vCPUs: %s", vcpu, rules)
		}
	}
	if len(b.Rules) != len(b.Parameters["JobVcpu"]["AllowedValues"].([]any)) {
		t.Errorf("%d rules", len(b.Rules))
	}
}

// Lambda reads the image by a policy of the repository. The one that Lambda writes
// itself would go when the stack sets another.
func TestTheFunctionMayReadItsImage(t *testing.T) {
	repository := parsed(t).Resources["Repository"].Properties
	text := fmt.Sprint(repository["RepositoryPolicyText"])
	for _, want := range []string{"lambda.amazonaws.com", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "aws:SourceArn", ":function:${NamePrefix}_*"} {
		if !strings.Contains(text, want) {
			t.Errorf("the policy of the repository lacks %s: %s", want, text)
		}
	}
	if rules := fmt.Sprint(repository["LifecyclePolicy"]); !strings.Contains(rules, `"tagStatus":"untagged"`) || strings.Contains(rules, `"any"`) {
		t.Errorf("images that job definitions name may be removed: %s", rules)
	}
}

// The function works where the jobs' subnets let it, when the account wants that.
func TestTheFunctionIsInTheVPCWhenThatIsWanted(t *testing.T) {
	b := parsed(t)
	if text := fmt.Sprint(b.Resources["PlanFunction"].Properties["VpcConfig"]); !strings.Contains(text, "InVpc") || !strings.Contains(text, "SubnetIds") || !strings.Contains(text, "SecurityGroupIds") {
		t.Errorf("VpcConfig is %s", text)
	}
	if text := fmt.Sprint(b.Resources["PlanFunctionRole"].Properties["Policies"]); !strings.Contains(text, "InVpc") || !strings.Contains(text, "ec2:CreateNetworkInterface") {
		t.Errorf("the function's role has %s", text)
	}
}

package test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// Objects of other makers, as far as the chart writes them: their packages would be
// larger than all of this.
type (
	serviceMonitor struct {
		metav1.TypeMeta
		Metadata metav1.ObjectMeta `json:"metadata"`
		Spec     struct {
			Selector  metav1.LabelSelector `json:"selector"`
			Endpoints []struct {
				Port     string `json:"port"`
				Path     string `json:"path"`
				Interval string `json:"interval"`
			} `json:"endpoints"`
		} `json:"spec"`
	}
	prometheusRule struct {
		metav1.TypeMeta
		Metadata metav1.ObjectMeta `json:"metadata"`
		Spec     struct {
			Groups []struct {
				Name  string `json:"name"`
				Rules []struct {
					Alert       string            `json:"alert"`
					Expr        string            `json:"expr"`
					For         string            `json:"for,omitempty"`
					Labels      map[string]string `json:"labels"`
					Annotations map[string]string `json:"annotations"`
				} `json:"rules"`
			} `json:"groups"`
		} `json:"spec"`
	}
	httpRoute struct {
		metav1.TypeMeta
		Metadata metav1.ObjectMeta `json:"metadata"`
		Spec     struct {
			ParentRefs []map[string]string `json:"parentRefs"`
			Hostnames  []string            `json:"hostnames,omitempty"`
			Rules      []struct {
				Matches []struct {
					Path struct{ Type, Value string } `json:"path"`
				} `json:"matches"`
				BackendRefs []struct {
					Name string `json:"name"`
					Port int    `json:"port"`
				} `json:"backendRefs"`
			} `json:"rules"`
		} `json:"spec"`
	}
)

var kinds = map[string]func() any{
	"v1 ConfigMap": func() any { return &corev1.ConfigMap{} }, "v1 Service": func() any { return &corev1.Service{} },
	"v1 ServiceAccount": func() any { return &corev1.ServiceAccount{} }, "v1 Pod": func() any { return &corev1.Pod{} },
	"apps/v1 StatefulSet":                     func() any { return &appsv1.StatefulSet{} },
	"networking.k8s.io/v1 Ingress":            func() any { return &networkingv1.Ingress{} },
	"networking.k8s.io/v1 NetworkPolicy":      func() any { return &networkingv1.NetworkPolicy{} },
	"monitoring.coreos.com/v1 ServiceMonitor": func() any { return &serviceMonitor{} },
	"monitoring.coreos.com/v1 PrometheusRule": func() any { return &prometheusRule{} },
	"gateway.networking.k8s.io/v1 HTTPRoute":  func() any { return &httpRoute{} },
}

// everything is a release with all that the chart can make.
func everything() map[string]any {
	return with(map[string]any{
		"image":          map[string]any{"digest": "sha256:" + strings.Repeat("a", 64)},
		"ingress":        map[string]any{"enabled": true, "host": "lockkeeper.example.com", "tlsSecret": "tls", "className": "nginx", "annotations": map[string]any{"a": "b"}},
		"httpRoute":      map[string]any{"enabled": true, "parentRefs": []any{map[string]any{"name": "gateway"}}, "hostnames": []any{"lockkeeper.example.com"}},
		"serviceMonitor": map[string]any{"enabled": true, "labels": map[string]any{"release": "prometheus"}},
		"prometheusRule": map[string]any{"enabled": true}, "dashboard": map[string]any{"enabled": true},
		"networkPolicy":  map[string]any{"metricsFrom": []any{map[string]any{"namespaceSelector": map[string]any{}}}, "egress": false, "extraEgress": []any{map[string]any{"ports": []any{map[string]any{"protocol": "TCP", "port": 443}}}}},
		"serviceAccount": map[string]any{"annotations": map[string]any{"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/server"}},
		"secrets":        map[string]any{"files": []any{"tokens"}, "env": []any{"more-tokens"}},
		"customCA":       map[string]any{"configMap": "ca"}, "proxy": map[string]any{"http": "http://proxy:3128", "https": "http://proxy:3128", "except": ".svc"},
		"hostUsers": false, "priorityClassName": "high", "runtimeClassName": "gvisor", "imagePullSecrets": []any{"registry"},
		"nodeSelector": map[string]any{"a": "b"}, "podLabels": map[string]any{"c": "d"}, "podAnnotations": map[string]any{"e": "f"},
		"tolerations": []any{map[string]any{"key": "k", "operator": "Exists"}}, "affinity": map[string]any{"nodeAffinity": map[string]any{}},
		"topologySpreadConstraints": []any{map[string]any{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}},
		"hostAliases":               []any{map[string]any{"ip": "10.0.0.1", "hostnames": []any{"x"}}}, "dnsConfig": map[string]any{"nameservers": []any{"10.0.0.2"}},
		"extraEnv": []any{map[string]any{"name": "A", "value": "b"}}, "extraArgs": []any{"--x"},
		"extraVolumes": []any{map[string]any{"name": "more", "emptyDir": map[string]any{}}}, "extraVolumeMounts": []any{map[string]any{"name": "more", "mountPath": "/more"}},
		"initContainers": []any{container("init")}, "extraContainers": []any{container("beside")},
		"extraObjects": []any{map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "{{ .Release.Name }}-extra"}}},
	})
}

func container(name string) map[string]any {
	return map[string]any{"name": name, "image": "i", "securityContext": map[string]any{
		"allowPrivilegeEscalation": false, "capabilities": map[string]any{"drop": []any{"ALL"}},
	}}
}

// objects decodes a release; what Kubernetes does not know is an error.
func objects(t *testing.T, values map[string]any) (out []any) {
	t.Helper()
	for _, text := range documents(t, values) {
		var m metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(text), &m); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		make, known := kinds[m.APIVersion+" "+m.Kind]
		if !known {
			t.Fatalf("nobody knows %s %s:\n%s", m.APIVersion, m.Kind, text)
		}
		o := make()
		if err := yaml.UnmarshalStrict([]byte(text), o); err != nil {
			t.Fatalf("%s: %v in\n%s", m.Kind, err, text)
		}
		out = append(out, o)
	}
	return out
}

func only[T any](t *testing.T, all []any) (found []*T) {
	t.Helper()
	for _, o := range all {
		if x, ok := o.(*T); ok {
			found = append(found, x)
		}
	}
	if len(found) == 0 {
		t.Fatalf("there is no %s", reflect.TypeFor[T]())
	}
	return found
}

// Every object is what Kubernetes takes, with the least and with all values, and what
// runs fits the standard "restricted" (Kubernetes documentation, "Pod Security
// Standards").
func TestEveryPodIsRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range map[string]map[string]any{"least": least(), "everything": everything(), "aws": onAWS()} {
		all := objects(t, values)
		pods := 0
		check := func(what string, meta *metav1.ObjectMeta, spec *corev1.PodSpec) {
			pods++
			for _, r := range evaluator.EvaluatePod(api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}, meta, spec) {
				if !r.Allowed {
					t.Errorf("%s, %s: %s (%s)", name, what, r.ForbiddenReason, r.ForbiddenDetail)
				}
			}
		}
		for _, s := range only[appsv1.StatefulSet](t, all) {
			check("the server", &s.Spec.Template.ObjectMeta, &s.Spec.Template.Spec)
		}
		for _, p := range only[corev1.Pod](t, all) {
			check("the test", &p.ObjectMeta, &p.Spec)
		}
		if pods != 2 {
			t.Errorf("%d pods were looked at", pods)
		}
	}
	// The check is one: without its settings the pod is refused.
	open := objects(t, with(map[string]any{"securityContext": map[string]any{"allowPrivilegeEscalation": true}}))
	spec := only[appsv1.StatefulSet](t, open)[0].Spec.Template
	if refused := evaluator.EvaluatePod(api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}, &spec.ObjectMeta, &spec.Spec); !slices.ContainsFunc(refused, func(r policy.CheckResult) bool { return !r.Allowed }) {
		t.Error("a pod that may gain rights passes")
	}
}

func onAWS() map[string]any {
	return with(map[string]any{"config": map[string]any{"engine": "aws", "artifacts": "s3"}})
}

// An apply has its time, the grace of an interrupt and a margin before everything is killed.
func TestTheGraceCoversTheDrain(t *testing.T) {
	for drain, want := range map[string]int64{"30m": 2100, "1h30m": 5700, "90s": 390} {
		s := only[appsv1.StatefulSet](t, objects(t, with(map[string]any{"drain": drain})))[0]
		if got := *s.Spec.Template.Spec.TerminationGracePeriodSeconds; got != want {
			t.Errorf("a drain of %s has a grace of %d s, want %d", drain, got, want)
		}
	}
	if got := *only[appsv1.StatefulSet](t, objects(t, onAWS()))[0].Spec.Template.Spec.TerminationGracePeriodSeconds; got != 60 {
		t.Errorf("with jobs in AWS the grace is %d s", got)
	}
	for _, c := range only[corev1.ConfigMap](t, objects(t, onAWS())) {
		if strings.Contains(c.Data["server.yml"], "drain") {
			t.Error("with jobs in AWS the config has a drain, which the server refuses")
		}
	}
}

// Nothing but the webhook is reachable from outside.
func TestOnlyTheWebhookIsReachable(t *testing.T) {
	all := objects(t, everything())
	for _, i := range only[networkingv1.Ingress](t, all) {
		paths := i.Spec.Rules[0].HTTP.Paths
		if len(paths) != 1 || paths[0].Path != "/api/github/hook" || *paths[0].PathType != networkingv1.PathTypeExact {
			t.Errorf("the Ingress has %+v", paths)
		}
	}
	for _, r := range only[httpRoute](t, all) {
		if m := r.Spec.Rules[0].Matches; len(m) != 1 || m[0].Path.Value != "/api/github/hook" || m[0].Path.Type != "Exact" {
			t.Errorf("the route has %+v", m)
		}
	}
	for _, p := range only[networkingv1.NetworkPolicy](t, objects(t, least())) {
		text := fmt.Sprint(p.Spec.Ingress)
		if len(p.Spec.Ingress) != 1 || strings.Contains(text, "metrics") {
			t.Errorf("metrics are open to everybody: %s", text)
		}
		for _, e := range p.Spec.Egress {
			for _, to := range e.To {
				if to.IPBlock.CIDR == "0.0.0.0/0" && !slices.Contains(to.IPBlock.Except, "169.254.0.0/16") {
					t.Error("jobs reach the metadata service")
				}
			}
		}
	}
	for _, s := range only[corev1.ServiceAccount](t, all) {
		if s.AutomountServiceAccountToken == nil || *s.AutomountServiceAccountToken {
			t.Error("jobs find a token of Kubernetes")
		}
	}
}

// What selects something selects what is there.
func TestSelectorsFindThePod(t *testing.T) {
	all := objects(t, everything())
	pod := only[appsv1.StatefulSet](t, all)[0].Spec.Template
	has := func(labels, want map[string]string) bool {
		for k, v := range want {
			if labels[k] != v {
				return false
			}
		}
		return len(want) > 0
	}
	var ports []string
	for _, p := range pod.Spec.Containers[0].Ports {
		ports = append(ports, p.Name)
	}
	var metrics *corev1.Service
	for _, s := range only[corev1.Service](t, all) {
		if !has(pod.Labels, s.Spec.Selector) || !slices.Contains(ports, s.Spec.Ports[0].TargetPort.String()) {
			t.Errorf("the service %s selects nothing", s.Name)
		}
		if strings.HasSuffix(s.Name, "-metrics") {
			metrics = s
		}
	}
	for _, m := range only[serviceMonitor](t, all) {
		if metrics == nil || !has(metrics.Labels, m.Spec.Selector.MatchLabels) || m.Spec.Endpoints[0].Port != metrics.Spec.Ports[0].Name {
			t.Errorf("the ServiceMonitor selects nothing: %+v", m.Spec)
		}
	}
	for _, p := range only[networkingv1.NetworkPolicy](t, all) {
		if !has(pod.Labels, p.Spec.PodSelector.MatchLabels) {
			t.Error("the NetworkPolicy selects nothing")
		}
	}
	for _, r := range only[prometheusRule](t, all) {
		if len(r.Spec.Groups) != 1 || len(r.Spec.Groups[0].Rules) < 7 {
			t.Errorf("rules: %+v", r.Spec)
		}
	}
	if image := pod.Spec.Containers[0].Image; image != "registry.example.com/lockkeeper@sha256:"+strings.Repeat("a", 64) {
		t.Errorf("the image is %s", image)
	}
}

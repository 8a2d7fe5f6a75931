package lint

import (
	"bytes"

	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// manifest reads a file into what it should be; a field that nobody knows fails.
func manifest[T any](t *testing.T, name string) T {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../kubernetes", name))
	if err != nil {
		t.Fatal(err)
	}
	var object T
	if err := yaml.UnmarshalStrict(text, &object); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return object
}

func TestManifestsAreKubernetes(t *testing.T) {
	t.Parallel()
	deployment := manifest[appsv1.Deployment](t, "deployment.yaml")
	service := manifest[corev1.Service](t, "service.yaml")
	disruption := manifest[policyv1.PodDisruptionBudget](t, "disruption.yaml")
	network := manifest[networkingv1.NetworkPolicy](t, "network.yaml")
	secret := manifest[corev1.Secret](t, "secret.example.yaml")
	for name, object := range map[string]runtime.Object{
		"Deployment": &deployment, "Service": &service, "PodDisruptionBudget": &disruption, "NetworkPolicy": &network, "Secret": &secret,
	} {
		if kind := object.GetObjectKind().GroupVersionKind().Kind; kind != name {
			t.Errorf("a %s says that it is a %s", name, kind)
		}
	}

	pod := deployment.Spec.Template
	of := labels.Set(pod.Labels)
	for name, selector := range map[string]*metav1.LabelSelector{
		"deployment": deployment.Spec.Selector, "disruption": disruption.Spec.Selector, "network": &network.Spec.PodSelector,
		"service": {MatchLabels: service.Spec.Selector},
	} {
		if s, err := metav1.LabelSelectorAsSelector(selector); err != nil || s.Empty() || !s.Matches(of) {
			t.Errorf("the %s does not select the pods (%v)", name, err)
		}
	}
	container := pod.Spec.Containers[0]
	ports := map[string]bool{}
	for _, port := range container.Ports {
		ports[port.Name] = true
	}
	check := func(what string, port intstr.IntOrString) {
		if !ports[port.StrVal] {
			t.Errorf("%s names the port %q, which the container does not have", what, port.StrVal)
		}
	}
	for _, port := range service.Spec.Ports {
		check("the service", port.TargetPort)
		if port.TargetPort.StrVal == "metrics" {
			t.Error("the service publishes the metrics")
		}
	}
	for _, rule := range network.Spec.Ingress {
		for _, port := range rule.Ports {
			check("the network policy", *port.Port)
		}
		if len(rule.From) == 0 {
			t.Error("the network policy lets everybody in")
		}
	}
	for what, probe := range map[string]*corev1.Probe{"startup": container.StartupProbe, "liveness": container.LivenessProbe, "readiness": container.ReadinessProbe} {
		check("the "+what+" probe", probe.HTTPGet.Port)
	}
	if container.LivenessProbe.HTTPGet.Path == "/readyz" {
		t.Error("a database that is away would have every node killed")
	}
	if grace := *pod.Spec.TerminationGracePeriodSeconds; grace < container.Lifecycle.PreStop.Sleep.Seconds+15 {
		t.Errorf("after %d seconds a node is killed that still drains", grace)
	}
	known := settings(t)
	for _, variable := range container.Env {
		if !slices.Contains(known, variable.Name) {
			t.Errorf("there is no setting %s", variable.Name)
		}
		from := variable.ValueFrom
		if from == nil {
			continue
		}
		if _, ok := secret.StringData[from.SecretKeyRef.Key]; !ok || from.SecretKeyRef.Name != secret.Name {
			t.Errorf("%s is not in the secret", variable.Name)
		}
	}
	for _, arg := range append(container.Args, container.Command...) {
		if strings.Contains(arg, "$(") || strings.Contains(arg, "://") {
			t.Errorf("the command line has %q", arg)
		}
	}
}

func TestPodsMayRunWhereTheRestrictedPolicyHolds(t *testing.T) {
	t.Parallel()
	deployment := manifest[appsv1.Deployment](t, "deployment.yaml")
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(restricted, &deployment.Spec.Template.ObjectMeta, &deployment.Spec.Template.Spec) {
		if !result.Allowed {
			t.Errorf("%s: %s", result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
	if c := deployment.Spec.Template.Spec.Containers[0].SecurityContext; c.ReadOnlyRootFilesystem == nil || !*c.ReadOnlyRootFilesystem {
		t.Error("the container may write to its root")
	}
}

func TestTheKustomizationHasEveryManifestButTheSecret(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../kubernetes/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var kustomization struct{ Resources []string }
	if err := yaml.Unmarshal(text, &kustomization); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../kubernetes/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		want := name != "kustomization.yaml" && !strings.HasPrefix(name, "secret")
		if slices.Contains(kustomization.Resources, name) != want {
			t.Errorf("%s: in the kustomization is %v", name, !want)
		}
	}
	// Two documents in one file would be half read above.
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("\n---")) {
			t.Errorf("%s holds several documents", file)
		}
	}
}

package predict_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/steadylet/steadylet/internal/predict"
)

// listing is a list of pods as kubectl writes it, of a usual size: 2 containers, 10 KB.
func listing(tb testing.TB, pods int) []byte {
	tb.Helper()
	probe := map[string]any{"httpGet": map[string]any{"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10, "failureThreshold": 3}
	var items, containers []any
	for i := range 2 {
		var env []any
		for k := range 8 {
			env = append(env, map[string]any{"name": fmt.Sprint("NAME_", k), "value": `some "quoted" value`})
		}
		containers = append(containers, map[string]any{
			"name": fmt.Sprint("app-", i), "image": fmt.Sprintf("registry.example/team/app:v%d", i), "env": env,
			"livenessProbe": probe, "readinessProbe": probe,
			"resources":       map[string]any{"limits": map[string]any{"memory": "1Gi"}, "requests": map[string]any{"cpu": "100m"}},
			"securityContext": map[string]any{"seccompProfile": map[string]any{"type": "RuntimeDefault"}},
			"volumeMounts":    []any{map[string]any{"mountPath": "/data", "name": "data"}},
		})
	}
	for i := range pods {
		items = append(items, map[string]any{
			"apiVersion": "v1", "kind": "Pod",
			"metadata": map[string]any{"name": fmt.Sprint("web-", i), "namespace": fmt.Sprint("shop-", i%40), "uid": "0c9b9b42-0000-4000-8000-000000000000", "labels": map[string]any{"app": "web"}},
			"spec":     map[string]any{"nodeName": "db-3", "containers": containers, "volumes": []any{map[string]any{"name": "data", "emptyDir": map[string]any{}}}},
			"status":   map[string]any{"phase": "Running", "conditions": []any{map[string]any{"type": "Ready", "status": "True"}}},
		})
	}
	data, err := json.MarshalIndent(map[string]any{"apiVersion": "v1", "kind": "List", "metadata": map[string]any{"resourceVersion": ""}, "items": items}, "", "    ")
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// A pod of a long list: 100,000 of them must take less than 20 seconds, so 200 µs each.
func BenchmarkForecastOfAPod(b *testing.B) {
	u := predict.Upgrade{From: predict.Version{Text: "v1.30.14", Minor: 30}, To: predict.Version{Text: "v1.31.0", Minor: 31, Patched: true}, Now: time.Unix(1e9, 0)}
	data := listing(b, 1000)
	b.SetBytes(int64(len(data) / 1000))
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += 1000 {
		w := predict.NewWriter(io.Discard, "json", u)
		_, err := predict.ReadPods(bytes.NewReader(data), func(pod predict.Pod) error {
			for _, f := range u.Pod(pod) {
				if err := w.Add(f); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

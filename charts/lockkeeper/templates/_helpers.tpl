{{- define "lockkeeper.name" -}}
{{- if contains "lockkeeper" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-lockkeeper" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "lockkeeper.selector" -}}
app.kubernetes.io/name: lockkeeper
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "lockkeeper.labels" -}}
{{ include "lockkeeper.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "lockkeeper.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "lockkeeper.name" .) .Values.serviceAccount.name }}{{ else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "lockkeeper.image" -}}
{{- $r := required "image.repository is missing: push the image that docs/install.md builds, and name where it is" .Values.image.repository -}}
{{- if .Values.image.digest }}{{ $r }}@{{ .Values.image.digest }}{{ else }}{{ $r }}:{{ default .Chart.AppVersion .Values.image.tag }}{{ end }}
{{- end }}

{{/* What cannot work is refused with one sentence, instead of a pod that does not start. */}}
{{- define "lockkeeper.refuse" -}}
{{- if gt (int .Values.replicas) 1 }}{{ fail "replicas: SQLite has one writer, so one server runs at a time; set it to 1 (or 0, for a restore)" }}{{ end }}
{{- if ne .Values.store.kind "sqlite" }}{{ fail (printf "store.kind: the server has no %s yet; set it to sqlite" .Values.store.kind) }}{{ end }}
{{- if not .Values.github.appId }}{{ fail "github.appId is missing: the App's page on GitHub shows it" }}{{ end }}
{{- if not .Values.github.existingSecret }}{{ fail "github.existingSecret is missing: make a secret of the App's private key and the webhook's secret (kubectl create secret generic), and name it" }}{{ end }}
{{- range $key := list "listen" "metrics_listen" "data_dir" "drain" "store" }}{{ if hasKey $.Values.config $key }}{{ fail (printf "config.%s is set by the chart; remove it" $key) }}{{ end }}{{ end }}
{{- range $key := list "app_id" "private_key_file" "private_key_env" "webhook_secret_file" "webhook_secret_env" }}{{ if hasKey (default dict $.Values.config.github) $key }}{{ fail (printf "config.github.%s is set by the chart; use github.appId and github.existingSecret" $key) }}{{ end }}{{ end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) }}{{ fail "ingress.host is missing: the host name of the webhook's URL" }}{{ end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}{{ fail "httpRoute.parentRefs is missing: the gateway that the route is attached to" }}{{ end }}
{{- end }}

{{- define "lockkeeper.onAWS" -}}
{{- if eq (default "local" .Values.config.engine) "aws" }}true{{ end }}
{{- end }}

{{/* Seconds of a time such as 1h30m. */}}
{{- define "lockkeeper.seconds" -}}
{{- $seconds := 0 -}}
{{- range regexFindAll "[0-9]+[hms]" . -1 -}}
{{- $n := int (trimSuffix "s" (trimSuffix "m" (trimSuffix "h" .))) -}}
{{- if hasSuffix "h" . }}{{ $seconds = add $seconds (mul $n 3600) }}{{ else if hasSuffix "m" . }}{{ $seconds = add $seconds (mul $n 60) }}{{ else }}{{ $seconds = add $seconds $n }}{{ end -}}
{{- end -}}
{{ $seconds }}
{{- end }}

{{/* The server's config. The data directory is below the mount, whose own mode and owner are the volume's: the server wants one that is its alone. */}}
{{- define "lockkeeper.config" -}}
{{- $set := dict "listen" "0.0.0.0:8080" "metrics_listen" "0.0.0.0:9090" "data_dir" "/var/lib/lockkeeper/data" -}}
{{- if not (include "lockkeeper.onAWS" .) }}{{ $_ := set $set "drain" .Values.drain }}{{ end -}}
{{- $github := dict "app_id" (int64 .Values.github.appId) "private_key_file" (printf "/etc/lockkeeper/github/%s" .Values.github.privateKeyKey) "webhook_secret_file" (printf "/etc/lockkeeper/github/%s" .Values.github.webhookSecretKey) -}}
{{- $_ := set $set "github" (merge $github (default dict .Values.config.github)) -}}
{{- toYaml (merge $set (deepCopy .Values.config)) }}
{{- end }}

{{- define "lockkeeper.webhookPath" -}}/api/github/hook{{- end }}

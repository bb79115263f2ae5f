{{- define "relay.name" -}}
{{- if contains "relay" .Release.Name }}{{ .Release.Name | trunc 53 | trimSuffix "-" }}{{ else }}{{ printf "%s-relay" .Release.Name | trunc 53 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "relay.selector" -}}
app.kubernetes.io/name: relay
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "relay.labels" -}}
{{ include "relay.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end }}

{{/* The pod of both kinds of storage, without what a StatefulSet adds by itself. */}}
{{- define "relay.pod" -}}
metadata:
  labels:
    {{- include "relay.selector" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    checksum/config: {{ toYaml .Values.config | sha256sum }} # a change of the settings restarts the pods
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ .Values.serviceAccount }}
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 40
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  {{- if eq .Values.storage "postgresql" }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "relay.selector" . | nindent 10 }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: relay
      image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion | replace "+" "-") | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve]
      env:
        - {name: RELAY_CONFIG, value: /etc/relay/relay.yaml}
        - {name: RELAY_LISTEN, value: ":8080"}
        {{- if .Values.secret }}
        {{- if eq .Values.storage "postgresql" }}
        - {name: RELAY_DATABASE_FILE, value: /run/secrets/relay/database}
        {{- end }}
        - {name: RELAY_SECRET_KEY_FILE, value: /run/secrets/relay/secret-key}
        - {name: RELAY_ADMIN_KEY_FILE, value: /run/secrets/relay/admin-key}
        {{- end }}
        {{- with .Values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - {name: http, containerPort: 8080}
      startupProbe:
        httpGet: {path: /readyz, port: http}
        periodSeconds: 1
        failureThreshold: 300 # a large installation reads its log at the start
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        periodSeconds: 2
      livenessProbe:
        httpGet: {path: /livez, port: http}
        periodSeconds: 10
        failureThreshold: 6
      lifecycle:
        # Until the Service has noticed that it ends.
        preStop: {sleep: {seconds: 5}}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      volumeMounts:
        - {name: config, mountPath: /etc/relay, readOnly: true}
        {{- if .Values.secret }}
        - {name: secrets, mountPath: /run/secrets/relay, readOnly: true}
        {{- end }}
        - {name: data, mountPath: /data}
        - {name: tmp, mountPath: /tmp}
  volumes:
    - name: config
      configMap: {name: {{ include "relay.name" . }}}
    {{- if .Values.secret }}
    - name: secrets
      secret: {secretName: {{ .Values.secret | quote }}, defaultMode: 0440}
    {{- end }}
    - name: tmp
      emptyDir: {}
    {{- if eq .Values.storage "postgresql" }}
    - name: data
      emptyDir: {} # everything is in the database
    {{- end }}
{{- end }}

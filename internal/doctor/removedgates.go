package doctor

import "strings"

// removedGates are feature gates, which neither flags nor the configuration may name then
// ("unrecognized feature gate", k8s.io/component-base/featuregate): those that pkg/features of Kubernetes names in one minor version and
// not in the next, of 1.20 to 1.37, but for those that are in another module's features
// by then. A kubelet 1.31.0 refuses each that is gone there.
func removedGates() []removed {
	var gates []removed
	for _, since := range []struct {
		gone  int
		names string
	}{
		{21, "AttachVolumeLimit BlockVolume CSIBlockVolume CSIDriverRegistry CSIMigrationAWSComplete CSIMigrationAzureDiskComplete " +
			"CSIMigrationAzureFileComplete CSIMigrationGCEComplete CSIMigrationOpenStackComplete CSINodeInfo EvenPodsSpread HyperVContainer " +
			"RotateKubeletClientCertificate TokenRequest TokenRequestProjection VolumePVCDataSource WindowsGMSA WindowsRunAsUserName"},
		{22, "BalanceAttachedNodeVolumes CRIContainerLogRotation CSIMigrationvSphereComplete ExternalPolicyForExternalIP LegacyNodeRoleBehavior " +
			"NodeDisruptionExclusion RootCAConfigMap RunAsGroup SCTPSupport ServiceAppProtocol ServiceNodeExclusion ServiceTopology " +
			"VolumeSnapshotDataSource"},
		{23, "AllowInsecureBackendProxy BoundServiceAccountTokenVolume CronJobControllerV2 NodeLease ServiceAccountIssuerDiscovery StartupProbe " +
			"SupportNodePidsLimit SupportPodPidsLimit Sysctls"},
		{24, "HugePageStorageMediumSize ImmutableEphemeralVolumes NamespaceDefaultLabelName RuntimeClass SetHostnameAsFQDN csiMigrationRBD"},
		{25, "CSIServiceAccountToken CSIVolumeFSGroupPolicy ConfigurableFSGroupPolicy EndpointSlice EndpointSliceNodeName EndpointSliceProxying " +
			"GenericEphemeralVolume IPv6DualStack IngressClassNamespacedParams PodDisruptionBudget StorageObjectInUseProtection " +
			"TTLAfterFinished VolumeSubpath WindowsEndpointSliceProxying"},
		{26, "CSIMigrationOpenStack CSRDuration DefaultPodTopologySpread DynamicKubeletConfig IndexedJob NonPreemptingPriority " +
			"PodAffinityNamespaceSelector PodOverhead PreferNominatedNode ServiceLBNodePortControl ServiceLoadBalancerClass SuspendJob"},
		{27, "CSIInlineVolume CSIMigration CSIMigrationAWS CSIMigrationAzureDisk ControllerManagerLeaderMigration DaemonSetUpdateSurge " +
			"EphemeralContainers ExpandCSIVolumes ExpandInUsePersistentVolumes ExpandPersistentVolumes IdentifyPodOS " +
			"LocalStorageCapacityIsolation NetworkPolicyEndPort StatefulSetMinReadySeconds"},
		{28, "CSIMigrationGCE CSIStorageCapacity DelegateFSGroupToCSIDriver DevicePlugins DisableAcceleratorUsageMetrics " +
			"EndpointSliceTerminatingCondition KubeletCredentialProviders MixedProtocolLBService NetworkPolicyStatus PodHasNetworkCondition " +
			"PodSecurity ServiceIPStaticSubrange ServiceInternalTrafficPolicy UserNamespacesStatelessPodsSupport WindowsHostProcessContainers"},
		{29, "CSIMigrationvSphere CronJobTimeZone DownwardAPIHugePages GRPCContainerProbe JobMutableNodeSchedulingDirectives " +
			"JobTrackingWithFinalizers LegacyServiceAccountTokenNoAutoGeneration MultiCIDRRangeAllocator ProbeTerminationGracePeriod " +
			"RetroactiveDefaultStorageClass SeccompDefault TopologyManager"},
		{30, "APISelfSubjectReview CSIMigrationAzureFile ExpandedDNSConfig ExperimentalHostUserNamespaceDefaulting IPTablesOwnershipCleanup " +
			"KubeletPodResources KubeletPodResourcesGetAllocatable LegacyServiceAccountTokenTracking MinimizeIPTablesRestore " +
			"ProxyTerminatingEndpoints SecurityContextDeny"},
		{31, "CSIMigrationRBD CSINodeExpandSecret ConsistentHTTPGetHandlers DefaultHostNetworkHostPortsInPodTemplates InTreePluginAWSUnregister " +
			"InTreePluginAzureDiskUnregister InTreePluginAzureFileUnregister InTreePluginGCEUnregister InTreePluginOpenStackUnregister " +
			"InTreePluginRBDUnregister InTreePluginvSphereUnregister JobReadyPods ReadWriteOncePod ServiceNodePortStaticSubrange " +
			"SkipReadOnlyValidationGCE"},
		{32, "CloudDualStackNodeIPs DRAControlPlaneController HPAContainerMetrics LegacyServiceAccountTokenCleanUp MinDomainsInPodTopologySpread " +
			"NewVolumeManagerReconstruction NodeOutOfServiceVolumeDetach PodHostIPs StableLoadBalancerNodeSet"},
		{33, "AppArmor AppArmorFields CPUManager DisableCloudProviders DisableKubeletCloudCredentialProviders JobPodFailurePolicy " +
			"KubeProxyDrainingTerminatingNodes PDBUnhealthyPodEvictionPolicy PersistentVolumeLastPhaseTransitionTime VolumeCapacityPriority"},
		{34, "DevicePluginCDIDevices ElasticIndexedJob LegacySidecarContainers PodDisruptionConditions StatefulSetStartOrdinal"},
		{35, "AllowServiceLBStatusOnNonLB CronJobsScheduledAnnotation LoadBalancerIPMode PodIndexLabel ProbeHostPodSecurityStandards " +
			"SizeMemoryBackedVolumes StatefulSetAutoDeletePVC UserNamespacesPodSecurityStandards"},
		{36, "CSIMigrationPortworx HonorPVReclaimPolicy InPlacePodVerticalScalingAllocatedStatus InTreePluginPortworxUnregister MemoryManager " +
			"ServiceTrafficDistribution TopologyAwareHints"},
		{37, "AnyVolumeDataSource AuthorizeNodeWithSelectors GangScheduling JobBackoffLimitPerIndex JobPodReplacementPolicy JobSuccessPolicy " +
			"LogarithmicScaleDown OrderedNamespaceDeletion PodLifecycleSleepAction PodLifecycleSleepActionAllowZero " +
			"PreventStaticPodAPIReferences RelaxedDNSSearchValidation SchedulerQueueingHints SidecarContainers " +
			"StreamingCollectionEncodingToJSON StreamingCollectionEncodingToProtobuf WorkloadAwarePreemption"},
	} {
		for name := range strings.FieldsSeq(since.names) {
			gates = append(gates, removed{name, since.gone})
		}
	}
	return gates
}

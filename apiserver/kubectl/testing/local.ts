import { fails, says, type Table } from './table.ts';

/** What needs no server, or only the kubeconfig. */
export const localTable: Table = {
  name: 'config, completion, plugin, options',
  rows: [
    says('config current-context', 'test'),
    says('config get-contexts -o name', 'test'),
    says('config get-clusters', 'NAME\ntest'),
    says('config get-users', 'NAME\nkubernetes-admin'),
    says('config set-cluster other --server=https://127.0.0.1:1', 'Cluster "other" set.'),
    says('config set-credentials other --token=x', 'User "other" set.'),
    says('config set-context other --cluster=other --user=other --namespace=n', 'Context "other" created.'),
    says('config use-context other', 'Switched to context "other".'),
    fails('get pods --request-timeout=3s', /connection to the server 127.0.0.1:1 was refused/),
    says('config use-context test', 'Switched to context "test".'),
    says('config rename-context other third', 'Context "other" renamed to "third".'),
    says('config set contexts.third.namespace m', 'Property "contexts.third.namespace" set.'),
    says('config unset contexts.third.namespace', 'Property "contexts.third.namespace" unset.'),
    says('config view --minify -o jsonpath={.contexts[0].name}', 'test'),
    says('config delete-context third', /deleted context third from/),
    says('config delete-user other', /deleted user other from/),
    says('config delete-cluster other', /deleted cluster other from/),
    fails('config use-context third', /no context exists with the name: "third"/),
    says('completion bash', /bash completion (V2 )?for kubectl/),
    says('completion zsh', /compdef (_kubectl )?kubectl/),
    fails('plugin list', /unable to find any kubectl plugins in your PATH/),
    says('options', /--kubeconfig/),
    says('version --client -o yaml', /gitVersion: v1\./),
    says('--help', /Basic Commands \(Beginner\)/),
    fails('no-such-command', /unknown command "no-such-command" for "kubectl"/),
    fails('get pods --no-such-flag', /unknown flag: --no-such-flag/),
    says('get pods', '', { err: 'No resources found in NAMESPACE namespace.' }),
    fails(
      'get pods --token=wrong --kubeconfig=/dev/null -s URL --insecure-skip-tls-verify',
      /You must be logged in to the server/,
    ),
    fails(
      'get pods --context=none',
      /context was not found for specified context: none|context "none" does not exist/,
    ),
  ],
};

// The classic dashboard model as its plugins see it: what @grafana/schema publishes in pieces, put together.
//
// The published `Dashboard` leaves the options of panels open. Here `type` decides what they may be, in overrides too.
import type * as g from '@grafana/schema';
import type * as barchart from 'panels/barchart/panelcfg/x/BarChartPanelCfg_types.gen';
import type * as bargauge from 'panels/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as stat from 'panels/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as timeline from 'panels/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as table from 'panels/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from 'panels/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** T as JSON has it: an enumeration is one of its plain values. */
type Json<T> = T extends string
  ? `${T}`
  : T extends number
    ? `${number}` extends `${T}`
      ? T
      : `${T}` extends `${infer N extends number}`
        ? N
        : never
    : T extends readonly (infer Item)[]
      ? Json<Item>[]
      : T extends object
        ? { [Key in keyof T]: Json<T[Key]> }
        : T;

type Datasource = { type: 'prometheus'; uid: string };

/** Defined by the Prometheus plugin, which publishes no types. */
type Query = {
  datasource: Datasource;
  refId: string;
  expr: string;
  legendFormat: string;
  instant: boolean;
  range: boolean;
  format: 'table' | 'time_series';
  editorMode: 'code';
};

type Link = { title: string; url: string; targetBlank: boolean };

type Standard = Required<
  Pick<
    g.FieldConfig,
    'color' | 'decimals' | 'displayName' | 'filterable' | 'mappings' | 'max' | 'min' | 'noValue' | 'thresholds' | 'unit'
  >
> & { fieldMinMax: boolean; links: Link[] };

type Property<Fields, Prefix extends string = ''> = {
  [Key in keyof Fields & string]-?: { id: `${Prefix}${Key}`; value: Exclude<Fields[Key], undefined> };
}[keyof Fields & string];

type Panel<Type extends string, Options, Custom = {}> = Omit<
  g.Panel,
  'datasource' | 'description' | 'fieldConfig' | 'gridPos' | 'id' | 'links' | 'options' | 'targets' | 'title' | 'type'
> & {
  type: Type;
  id: number;
  title: string;
  description: string;
  datasource: Datasource;
  gridPos: g.GridPos;
  targets: Query[];
  options: Partial<Options>;
  fieldConfig: {
    defaults: Partial<Standard> & { custom?: Partial<Custom> };
    overrides: { matcher: g.MatcherConfig; properties: (Property<Standard> | Property<Custom, 'custom.'>)[] }[];
  };
};

type AnyPanel =
  | Panel<'barchart', barchart.Options, barchart.FieldConfig>
  | Panel<'bargauge', bargauge.Options>
  | Panel<'stat', stat.Options>
  | Panel<'state-timeline', timeline.Options, timeline.FieldConfig>
  | Panel<'table', table.Options, table.FieldConfig>
  | Panel<'timeseries', timeseries.Options, timeseries.FieldConfig>;

type Row = Omit<g.RowPanel, 'panels'> & { panels: AnyPanel[] };

type Variable = Omit<g.VariableModel, 'current'> & { current: Partial<g.VariableOption>; definition?: string };

type Annotation = g.AnnotationQuery & { expr: string; step: string; titleFormat: string; useValueForTime: boolean };

export type Dashboard = Json<
  Omit<g.Dashboard, 'annotations' | 'panels' | 'templating'> & {
    panels: (AnyPanel | Row)[];
    templating: { list: Variable[] };
    annotations: { list: Annotation[] };
  }
>;
